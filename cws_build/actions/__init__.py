"""The verbs: `verb(ctx, …) -> noun`, one module each."""
