"""What a line of a CI log looks like when it explains a failure, and how many points each sign is worth. Data only.

The points are a logistic regression over labelled logs of 53 projects in 27 languages (LogChunks; Brandt, Panichella,
Beller, MSR 2020), rounded. Judged by folds that hold whole projects, so that nothing is learned about a single one:
among 100 chosen lines are all labelled ones in .84 of the logs and at least one in .95; the last 100 lines have .64 and
.72. A sign that looks like a failure and costs points (`make: ***`, "3) …", a warning) stands beside the explanation
more often than it is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Sign:
    """One look at a line.

    Attributes:
        points: for the line that has it.
    """

    name: str
    pattern: re.Pattern[str]
    points: float = 0.0


@dataclass(frozen=True)
class Echo:
    """A sign on a line nearby: worth `points` next to it, and `fade` times as much with each line further away.

    Attributes:
        signs: names of signs; any of them counts.
        above: the sign is on an earlier line.
    """

    signs: tuple[str, ...]
    above: bool
    fade: float
    points: float


_TROUBLE = (
    r"cannot|can't|could ?n[o']t|couldn't|unable to|not found|no such|undefined|unknown|unresolved|missing|invalid|"
    r"unexpected|denied|refused|unrecognized|does not exist|not recognized|no matching|conflict|illegal|forbidden|"
    r"unsupported|incompatible|out of memory|killed|abort(?:ed|ing)?|fatal|timed? ?out|no output"
)
_FETCHING = (
    r"get|hit|ign|fetch\w*|download\w*|unpack\w*|setting up|selecting|preparing|processing|collecting|using cached|"
    r"resolving|receiving|remote:|cloning|installing|installed|updating|reading|building dependency|"
    r"requirement already|copying|creating|adding|extracting|checking"
)
_COMPILING = (
    r"compiling|\[ *\d+ of \d+\]|\[ *\d+%\]|cc|gcc|g\+\+|clang|ld|ar|javac|scalac|rustc|ghc|loading|generating|"
    r"building|linking|configuring"
)

SIGNS: tuple[Sign, ...] = tuple(
    Sign(name, re.compile(pattern), points)
    for name, pattern, points in (
        # a failure in its own words
        ("error", r"(?i)\berror(?:\[\w+\])?:|\berror \w+\d+:|\[error\]|^error\b", 1.5),
        ("fail", r"(?i)\bfail(?:s|ed|ure|ures|ing)?\b", 1.7),
        ("fail_caps", r"\bFAIL(?:ED|URES?)?\b|<<< (?:FAIL|ERR)|\bERRORS?\b[!:]", 0),
        ("exception", r"[A-Z]\w*(?:Error|Exception|Failure|Fault)\b", 0),
        (
            "traceback",
            r"Traceback \(most recent|^Caused by|panicked at|^panic:|stack ?trace|backtrace|core dumped|"
            r"Segmentation fault|SIG[A-Z]{3,}",
            0,
        ),
        (
            "assert",
            r"(?i)\bassert\w*\b|\bexpected\b|\bactual\b|\bgot\b[: ]|should (?:be|have|equal|not)|does not match|"
            r"mismatch|\bnot equal\b",
            1.9,
        ),
        ("trouble", rf"(?i)\b(?:{_TROUBLE})\b", 1.0),
        ("fatal", r"(?i)\bfatal\b|\bE: |npm ERR!|\*\*\* |^make(?:\[\d+\])?: |^ERROR|^\[ERROR\]", -1.9),
        (
            "summary",
            r"(?i)\b\d+ (?:failed|failures?|errors?|failing|problems?|offenses?|tests? failed)\b|"
            r"failures?: *[1-9]|errors?: *[1-9]|build failed|tests? failed",
            0,
        ),
        (
            "heading",
            r"(?i)^\s*(?:failures?|errors?|failed tests?|failed examples?|the following|summary of failures|"
            r"short test summary|problems?|issues|offenses|reason|cause|message|details|what went wrong)\b",
            0,
        ),
        # its form
        ("position", r"[\w./\\-]+\.\w{1,5}[:(]\d+(?:[:,]\d+)?", 0.9),
        ("numbered", r"^\s*(?:\d+\)|\d+\.|#\d+|\(\d+\)|\[\d+\])\s+\S", -1.9),
        ("bullet", r"^\s*(?:[✗✘×✕●❌✖]|not ok\b|x\))", 0),
        ("rule", r"^\s*(?:[-=*_#~^.]{4,}|[-=*]{2,}.*[-=*]{2,})\s*$", 0),
        ("caret", r"^\s*\|?\s*[\^~]+-*\s*\S{0,12}$", 0),
        ("difference", r"^\s*[-+@](?![-+]{3})\s*\S|^\s*[-+]{3} ", 1.1),
        ("quoted", r"['\"`‘].+['\"`’]", 1.1),
        ("colon", r":\s*$", 0.8),
        ("short", r"^\s*\S{1,3}\s*$", 2.7),
        ("long", r"^.{300,}", -1.6),
        ("test", r"(?i)\btests?\b|\bspec\b|_test|::|#test", 1.0),
        # everything else that CI says
        ("empty", r"^\s*$", -9.4),
        ("warning", r"(?i)\bwarn(?:ing)?s?\b", 0),
        (
            "none",
            r"(?i)\b0 (?:failed|failures?|errors?|warnings?|failing)\b|failures?: *0\b|errors?: *0\b",
            -5.6,
        ),
        (
            "ok",
            r"(?i)^\s*(?:ok\b|pass(?:ed)?\b|✓|✔|√|\[ *ok *\]|\.+ ?ok\b)|\bpass(?:ed)?\b|\bsuccess(?:ful(?:ly)?)?\b|ok$",
            0,
        ),
        (
            "fetch",
            rf"(?i)^\s*(?:{_FETCHING})\b|https?://\S+\.(?:jar|pom|gz|tgz|zip|deb|whl)|\bpeer dep|\d+%|[km]b/s|"
            r"notice created a lockfile|registry",
            -2.4,
        ),
        ("compile", rf"(?i)^\s*(?:{_COMPILING})\b", -3.1),
        (
            "machinery",
            r"^travis_(?:fold|time)|^\$ |^(?:Done\.|Store|changes detected|nothing to cache|cache|Worker|Build system|"
            r"Running|hostname:|version:|instance:)|^Job |^##\[(?:group|endgroup|section)",
            -4.1,
        ),
    )
)

STRONG = (
    "error", "fail", "fail_caps", "exception", "traceback", "assert", "fatal", "summary", "heading", "numbered",
    "bullet", "caret",
)  # fmt: skip

ECHOES: tuple[Echo, ...] = (
    Echo(STRONG, above=True, fade=0.97, points=1.3),
    Echo(STRONG, above=False, fade=0.97, points=1.0),
    Echo(STRONG, above=False, fade=0.85, points=0.3),
    Echo(("error",), above=True, fade=0.9, points=0.4),
    Echo(("position",), above=True, fade=0.9, points=1.6),
    Echo(("rule",), above=True, fade=0.9, points=1.0),
    Echo(("rule",), above=False, fade=0.9, points=0.7),
    Echo(("warning",), above=True, fade=0.8, points=-1.8),
    Echo(("ok", "fetch"), above=False, fade=0.8, points=-1.7),
)

#: Points for a line at most so many lines before the end of a step that failed.
NEAR_THE_END = ((10, 1.5), (30, 1.8), (60, 0.7), (200, 1.8), (2000, -1.4))
IN_A_FAILED_STEP = 1.0
AFTER_A_FAILED_STEP = -1.9
#: A line that comes again and again, numbers apart.
OFTEN, OFTEN_POINTS, EACH_TIME_POINTS = 60, -0.9, -0.1

STEP_FAILED = re.compile(
    r"exited with [1-9]|Process completed with exit code [1-9]|failed and exited with|errored and exited"
)
STEP_STARTS = re.compile(r'^travis_time:start|^travis_fold:start|^\$ |^##\[group\]|^The command ".*" exited with 0')

#: The machine, the network or a service failed. Counts only when nothing in the excerpt judged the code.
INFRASTRUCTURE = re.compile(
    r"(?i)no space left on device|enospc|runner has received a shutdown signal|lost communication with the server|"
    r"\bexit code 137\b|\bout of memory\b|\boomkilled\b|^killed$|could ?n[o']t resolve host|temporary failure in name "
    r"resolution|\betimedout\b|\beconnreset\b|\beai_again\b|connection (?:reset by peer|timed out)|"
    r"\b(?:502 bad gateway|503 service unavailable|504 gateway time-?out|429 too many requests)\b|"
    r"rate limit exceeded|tls handshake timeout|i/o timeout|no output has been received|the hosted runner|"
    r"job exceeded the maximum time|failed to download action|unable to access 'https?://"
)
JUDGES_CODE = re.compile(
    r"\bFAIL(?:ED)?:?\s+\S|\w+(?:Assertion|Syntax|Type|Name|Attribute|Import|ModuleNotFound|Index|Key|Value)Error\b|"
    r"^\s*(?:not ok\b|[✗✘×✕●✖] )|\berror(?:\[E\d+\]| TS\d+| C\d{4})|(?i:\b[1-9]\d* (?:tests? )?fail(?:ed|ures?|ing)\b)|"
    r"[\w/-]+\.\w{1,5}:\d+(?::\d+)?: (?:error|warning)|\bassert(?:ion)?\b.*\bfail"
)
