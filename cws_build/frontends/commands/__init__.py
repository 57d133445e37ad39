"""One module for each word of the command line: `configure(parser)` and `run(invocation) -> exit code`."""
