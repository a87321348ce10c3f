"""The options that name a deployment and the way to it, with their settings for argparse.

The suite's plugin and the command `doubletext explore` share them. The module loads neither pytest nor the suite.
"""

from __future__ import annotations

from typing import Any, Final

from doubletext.environment import HEADER_VARIABLE

DEPLOYMENT: Final[dict[str, dict[str, Any]]] = {
    "--deployment-url": {
        "action": "append",
        "metavar": "[NAME=]URL",
        "help": "the deployment to judge, and a name for it in reports (repeatable; default: the embedded mock)",
    },
    "--deployment-assistant": {
        "metavar": "ID",
        "help": "the name or id of the probe agent on the deployment (default: agent)",
    },
    "--deployment-header": {
        "action": "append",
        "metavar": "'NAME: VALUE'",
        "help": "a header for every request, which is never shown or recorded (repeatable). The environment variable "
        f"{HEADER_VARIABLE} adds headers, one per line",
    },
    "--deployment-ca": {
        "metavar": "FILE",
        "help": "PEM file of certificates to trust beside the usual ones, for a deployment with a private CA",
    },
    "--deployment-cert": {
        "metavar": "FILE",
        "help": "PEM file of the certificate, and of the key where --deployment-key is left out, for mutual TLS",
    },
    "--deployment-key": {"metavar": "FILE", "help": "PEM file of the key of --deployment-cert, without a passphrase"},
    "--deployment-proxy": {
        "metavar": "URL",
        "help": "HTTP proxy on the way to every deployment; variables such as HTTPS_PROXY do not count",
    },
    "--deployment-profile": {
        "metavar": "NAME_OR_PATH",
        "help": "the profile that the vendor declares: the name of a shipped profile, or a TOML file",
    },
}
"""The options of both."""

DEADLINE_SCALE: Final[dict[str, Any]] = {
    "type": float,
    "metavar": "X",
    "help": "multiply every deadline by X, for a slow deployment (default: 1)",
}

WITNESS_HOST: Final[dict[str, Any]] = {
    "metavar": "HOST",
    "help": "the name or address under which the deployment reaches this machine (default: 127.0.0.1)",
}
