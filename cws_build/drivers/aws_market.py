"""AWS Marketplace: which products the account has subscribed to. Terms are never accepted from here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.drivers.aws_errors import translated
from cws_build.errors import CloudError

if TYPE_CHECKING:
    from cws_build.drivers.aws import Account

_REGION = "us-east-1"
"""The agreement service has one endpoint, for all regions."""


def has_agreement(account: Account, product: str) -> bool | None:
    """Tell whether there is an active agreement for a product, None where it cannot be told.

    Agreements name products by their id (``prod-…``), not by the product code that images bear. The right to ask,
    ``aws-marketplace:SearchAgreements``, is one that few accounts grant; without it a launch must tell.
    """
    if not product.startswith("prod-") or account.endpoint:
        return None
    wanted = {"PartyType": "Acceptor", "AgreementType": "PurchaseAgreement", "Status": "ACTIVE"}
    filters = [{"name": name, "values": [value]} for name, value in {**wanted, "ResourceIdentifier": product}.items()]
    try:
        with translated(f"asking whether {product} is subscribed to"):
            client = account.client("marketplace-agreement", _REGION)
            found = client.search_agreements(catalog="AWSMarketplace", filters=filters, maxResults=1)
    except CloudError:
        return None
    return bool(found["agreementViewSummaries"])
