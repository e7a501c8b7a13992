"""Record what the installed `openssl ciphers -v LIST` prints, for `tests/test_suites.py`.

Run by hand where OpenSSL 3.0 is installed: `python tests/recorded/record_ciphers.py`.
The suites of TLS 1.3, which no list touches, are left out.
"""

from __future__ import annotations

import itertools
import json
import random
import subprocess
from pathlib import Path

TARGET = Path(__file__).parent / "ciphers" / "openssl-3.0.json"

# Lists seen in projects, in manuals and in configuration guides.
KNOWN = (
    """
DEFAULT
DEFAULT:!aNULL
DEFAULT:!RC4
DEFAULT:-kRSA
DEFAULT!PSK
DEFAULT:@SECLEVEL=1
DEFAULT@SECLEVEL=0
DEFAULT:+SHA1
ALL:DEFAULT
ALL
ALL:!aNULL
ALL:!ADH
ALL:!ADH:@STRENGTH
ALL:eNULL
ALL:COMPLEMENTOFALL
ALL:!COMPLEMENTOFDEFAULT:!eNULL
ALL:!EXPORT:!LOW:!aNULL:!eNULL
ALL:!aNULL:!ADH:!eNULL:!LOW:!EXP:RC4+RSA:+HIGH:+MEDIUM
ALL:!ADH:!EXPORT56:RC4+RSA:+HIGH:+MEDIUM:+LOW:+SSLv2:+EXP
ALL:!ADH:!LOW:!EXP:!MD5:@STRENGTH
ALL:!DH:!LOW:!EXP:!MD5:@STRENGTH
ALL:+AESGCM
ALL:-AES:AES128
ALL:-AES:-CAMELLIA:-ARIA:AES256+kRSA
ALL !aNULL
ALL,!aNULL;!PSK
ALL::!aNULL
ALL:!aNULL:aNULL
ALL:-aNULL:aNULL
ALL:!NOSUCHWORD
ALL:NOSUCHWORD+aNULL
HIGH
HIGH:!aNULL
HIGH:!aNULL:!MD5
HIGH:!aNULL:!eNULL
HIGH:!aNULL:!kRSA:!PSK:!SRP:!MD5:!RC4
HIGH:!DSS:!aNULL@STRENGTH
HIGH:!SSLv2:!ADH:!aNULL:!eNULL:!NULL
HIGH:MEDIUM:!aNULL
HIGH:+3DES:!aNULL
HIGH+kEECDH
HIGH+kEECDH+AESGCM:HIGH+kEDH
TLSv1.2
TLSv1.2+HIGH
TLSv1.2:!aNULL:!eNULL
TLSv1.2+FIPS:kRSA+FIPS:!eNULL:!aNULL
TLSv1
SSLv3
SSLv3:TLSv1
EECDH
EECDH+AESGCM:EDH+AESGCM
EECDH+AESGCM:EDH+AESGCM:AES256+EECDH:AES256+EDH
EECDH+ECDSA+AESGCM:EECDH+aRSA+AESGCM:EECDH+ECDSA+SHA384:EECDH:EDH+aRSA:!aNULL:!eNULL:!LOW:!3DES
EECDH+CHACHA20:EECDH+AES128:RSA+AES128:EECDH+AES256:RSA+AES256:!MD5
ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:!aNULL:!MD5:!DSS
ECDHE+AESGCM:!aNULL
ECDH+AESGCM:DH+AESGCM:ECDH+AES256:DH+AES256:ECDH+AES128:DH+AES:RSA+AESGCM:RSA+AES:!aNULL:!MD5:!DSS
ECDH+AESGCM
kEECDH+AESGCM:kEDH+AESGCM:!aNULL
kEECDH:kEDH:kRSA
kECDHE+aNULL
AESGCM:AESCCM
AESGCM:!aRSA
AES128+kRSA
AES:!AESGCM:!AESCCM
AES256-SHA
AES128-SHA:AES256-SHA
AES128-SHA:+AES128-SHA:AES256-SHA
AES256-SHA:AES128-SHA:-AES256-SHA
AES256-SHA:AES128-SHA:!AES256-SHA:AES256-SHA
AES128-SHA:AES128-SHA
AES128-GCM-SHA256:NOSUCHSUITE:AES256-GCM-SHA384
ECDHE-RSA-AES128-GCM-SHA256
ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256
ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:\
DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384
ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA
DHE-RSA-AES256-SHA:DHE-DSS-AES256-SHA:AES256-SHA
PSK-AES128-CCM8
PSK
PSK:!NULL
PSK:!kRSAPSK:!eNULL
PSK-AES256-CBC-SHA:PSK-AES128-CBC-SHA
ADH-AES256-GCM-SHA384
ADH:AECDH
aNULL
aNULL:eNULL
eNULL
NULL-SHA256
NULL-MD5:NULL-SHA
SRP
SRP-RSA-AES-256-CBC-SHA
SUITEB128
SUITEB128ONLY
SUITEB192
CAMELLIA:ARIA
CHACHA20
CHACHA20+aRSA
SHA256:SHA384
SHA1+AES
SHA+AES128:SHA+AES256
MD5
CBC
CBC:!SHA1
FIPS
FIPS:!aNULL:!kRSA
RSA
RSA:!COMPLEMENTOFALL
COMPLEMENTOFDEFAULT
COMPLEMENTOFALL
COMPLEMENTOFDEFAULT:!ARIA:!CAMELLIA
AES@STRENGTH
AES:@STRENGTH:!aNULL
AES:@SECLEVEL=2
@SECLEVEL=1:HIGH
@STRENGTH:AES256-SHA
aRSA+kRSA
aRSA+kEECDH+CAMELLIA
aECDSA
aDSS:aPSK:aSRP
kDHEPSK:kECDHEPSK
kDHE:!DHE
kECDHE:!ECDHE
DH:!ADH
!AES128:ALL
+AES128:AES256-SHA
""".replace("\\\n", "")
    .strip()
    .splitlines()
)

WORDS = """
ALL HIGH DEFAULT eNULL aNULL kRSA aRSA RSA kDHE DH DHE ADH kECDHE ECDH ECDHE AECDH aDSS aECDSA
TLSv1.2 TLSv1.0 SSLv3 AES128 AES256 AES AESGCM AESCCM AESCCM8 ARIA128 ARIA256 ARIAGCM CAMELLIA128
CAMELLIA256 CHACHA20 SHA1 SHA256 SHA384 PSK kPSK kECDHEPSK kDHEPSK kRSAPSK aPSK SRP FIPS CBC
COMPLEMENTOFDEFAULT COMPLEMENTOFALL AES256-SHA ECDHE-RSA-AES128-SHA DHE-RSA-AES256-GCM-SHA384
""".split()  # noqa: SIM905 (fifty words read better so)

# Other ways to write a separator, and texts that the library refuses as a whole.
ODD = ["ALL*", "AES128-SHA:*", "ALL:@NOSUCH", "AES128-SHA:@SECLEVEL=9", "ALL:!", "", " ", ":"]


def main() -> None:
    """Effect: write the recording."""
    made = list(_made(random.Random(9325)))
    lists = list(dict.fromkeys([*KNOWN, *WORDS, *made, *ODD]))
    recorded = {
        "source": _run("version").strip(),
        "command": "openssl ciphers -v LIST, suites of TLS 1.3 left out",
        "lists": {text: _names(text) for text in lists},
        "levels": {
            f"{word}:@SECLEVEL={level}": _names(f"{word}:@SECLEVEL={level}", "-s", "-psk", "-srp")
            for word, level in itertools.product(("ALL", "eNULL:aNULL:AES"), range(1, 6))
        },
    }
    TARGET.write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")


def _made(rng: random.Random) -> list[str]:
    made = []
    for _ in range(120):
        steps = [rng.choice(["ALL", "HIGH", "DEFAULT", "AES", "ECDHE", "kRSA", "TLSv1.2", "PSK"])]
        for _ in range(rng.randint(1, 5)):
            words = "+".join(rng.sample(WORDS[:46], rng.choice([1, 1, 1, 2, 3])))
            steps.append(rng.choice(["", "", "!", "!", "-", "+"]) + words)
        made.append(rng.choice([":", ":", ":", ",", " "]).join(steps))
    return made


def _names(text: str, *options: str) -> list[str]:
    printed = _run("ciphers", "-v", *options, text)
    return [line.split()[0] for line in printed.splitlines() if "TLSv1.3" not in line]


def _run(*arguments: str) -> str:
    run = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    return run.stdout


if __name__ == "__main__":
    main()
