"""The store as a verb sees it: the records of one kind in the account that the command works in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.ports.store import Records, T


def records(ctx: Context, kind: type[T]) -> Records[T]:
    """Return the records of a kind in the command's account: the sandbox's, or those of the account's 12 digits.

    Raises:
        StoreError: The store cannot be opened.
        CloudError: The account cannot be asked who it is.
    """
    return ctx.store().records(kind, account_name(ctx))


def account_name(ctx: Context) -> str:
    """Return the word under which the store keeps what belongs to the command's account; raises CloudError.

    A sandbox has one of its own: after a reset, and on another computer, it is another one with the same digits.
    """
    account = ctx.lookup("").account()
    if not ctx.sandbox:
        return account
    try:
        which = (ctx.state / "sandbox" / "id").read_text(encoding="utf-8").strip()
    except OSError:  # it keeps its state elsewhere
        which = ""
    return "-".join(filter(None, ("sandbox", account, which)))
