"""Customers' own tokens: JWTs (RFC 7519) that a shop signs, with the customer as their ``sub``."""

from __future__ import annotations

import logging
from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from app.jwks import KeySet
from app.roles import TENANT, Principal
from memory import InvalidInput, check_name

_logger = logging.getLogger(__name__)


class CustomerTokens:
    """Says which customer a token is of. Safe to share between threads."""

    def __init__(
        self,
        secret: str | None = None,
        keys: KeySet | None = None,
        audience: str | None = None,
        issuer: str | None = None,
        leeway: float = 30.0,
    ) -> None:
        """Take tokens signed with a secret (HS256), with one of some keys (RS256), or both.

        Args:
            secret: what HS256 tokens are signed with.
            keys: what RS256 tokens are signed with.
            audience: what ``aud`` must have; not looked at if not given.
            issuer: what ``iss`` must be; not looked at if not given.
            leeway: seconds that another machine's clock may be wrong.
        """
        self._secret = secret
        self._keys = keys
        self._audience = audience
        self._issuer = issuer
        self._leeway = leeway
        self._options: Any = {
            "require": ["exp", "sub"],
            "verify_aud": audience is not None,
            "verify_iss": issuer is not None,
        }

    def of(self, token: str) -> Principal | None:
        """Whose token it is; None if it lets nobody in, for whatever reason.

        Raises:
            IdentityUnavailable: the keys that it may be signed with cannot be had now.
        """
        try:
            header = jwt.get_unverified_header(token)
            # The token says how it is signed, but not with what that is checked: one kind of key
            # goes with one algorithm, so none passes for the other, and "none" for neither.
            algorithm = str(header.get("alg"))
            key: Any = None
            if algorithm == "HS256":
                key = self._secret
            elif algorithm == "RS256" and self._keys is not None:
                key = self._keys.find(header.get("kid"))
            if key is None:
                return None
            claims = jwt.decode(
                token, key, algorithms=[algorithm], audience=self._audience, issuer=self._issuer,
                leeway=self._leeway, options=self._options,
            )  # fmt: skip
            customer = check_name("customer", claims["sub"])
            tenant = check_name("tenant", claims.get("tenant", TENANT))
        except (PyJWTError, InvalidInput) as error:
            _logger.info("a customer's token was refused: %s", type(error).__name__)
            return None
        return Principal(tenant, "customer", customer)
