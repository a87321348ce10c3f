"""Verdicts, and the judge that computes one verdict from one requirement, one play and one profile."""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from conformance.judge.branches import branch, branches
from conformance.judge.check import check_of, premises_of
from conformance.judge.expect import Broken, Inapplicable, Unproven
from conformance.judge.play import Play
from conformance.judge.profiles import Profile
from conformance.requirements.registry import Requirement
from conformance.transcript.text import one_line

Word = Literal["PASS", "FAIL", "WARN", "INCONCLUSIVE", "NOT-APPLICABLE", "ERROR"]
WORDS: tuple[Word, ...] = ("PASS", "FAIL", "WARN", "INCONCLUSIVE", "NOT-APPLICABLE", "ERROR")


SPELLING: Final = "AGR-13"
"""The requirement on the letters of ids."""

NO_PROBE = "it needs the probe agent, and this agent does not read the probe"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The result of judging one play by one requirement.

    `reason` is one line, and `see` lists the seqs of the moments that show it. `expected` and `observed` are set for
    FAIL and WARN. `known` is the profile's reason when the profile declares this failure. `freedom` is the documented
    freedom that the deployment took. The number of plays that were judged is `plays`. Of a race that was played several
    times, `branches` has how many plays took each branch.
    """

    word: Word
    reason: str
    expected: str = ""
    observed: str = ""
    see: tuple[int, ...] = ()
    known: str | None = None
    freedom: str | None = None
    plays: int = 1
    branches: dict[str, int] = {}


CUT: Final = (
    "{} bytes of the record were cut when it was written to a file, so it cannot be judged again: "
    "keep the verdict of the run that made it, or run the suite again"
)


def judge(requirement: Requirement, play: Play, profile: Profile) -> Verdict:
    """Judge a play, and the plays before it, by one requirement. Never raise.

    A play that lost a report to the witness was played again to restore the premise, and a race to meet another branch
    of it. That erases no verdict: what one of the earlier plays shows to be broken stays broken.
    """
    verdict = _judge_one(requirement, play, profile)
    if not play.earlier:
        return verdict
    plays = 1 + len(play.earlier)
    met = branches([*play.earlier, play])
    if verdict.word in ("PASS", "INCONCLUSIVE"):
        for number, before in enumerate(play.earlier, 1):
            found = _judge_one(requirement, before, profile)
            if found.word in ("FAIL", "WARN", "ERROR"):
                reason = f"in play {number} of {plays}: {found.reason}"
                # The moments are those of another play than the one that the report shows.
                return replace(found, reason=reason, see=(), plays=plays, branches=met)
            # A requirement may be about one branch of a race only, which the last play need not have taken.
            if found.word == "PASS" and verdict.word == "INCONCLUSIVE" and branch(before) is not None:
                verdict = found
    return replace(verdict, plays=plays, branches=met)


def _judge_one(requirement: Requirement, play: Play, profile: Profile) -> Verdict:
    """Judge one play by one requirement.

    FAIL: a MUST is broken, or the deployment took a freedom (PROFILE) that the profile does not declare.
    WARN: a SHOULD is broken. INCONCLUSIVE: the record does not show it. ERROR: the check itself failed.
    """
    absent = profile.absence(requirement.id, play.scenario.id)
    if absent is not None:
        return Verdict(word="NOT-APPLICABLE", reason=f"declared absent: {absent}")
    if not requirement.can_be_judged(play.transcript.target.probe, steered=play.scenario.steered):
        return Verdict(word="NOT-APPLICABLE", reason=NO_PROBE)
    if play.transcript.cut:
        return Verdict(word="INCONCLUSIVE", reason=CUT.format(play.transcript.cut))
    if (outdated := play.outdated_agent) is not None:
        return Verdict(word="INCONCLUSIVE", reason=outdated)
    try:
        taken = _check(requirement, play, profile)
    except Broken as broken:
        if play.lost is not None and play.unanswered(broken.see):
            # A deployment that went down in the middle of a play has not refused or broken anything.
            return Verdict(
                word="INCONCLUSIVE", reason=f"the deployment stopped answering: {play.lost.error}", see=broken.see
            )
        word: Word = "WARN" if requirement.level == "SHOULD" else "FAIL"
        # Both may quote an answer of the deployment, which may be long and contain control characters.
        expected, observed = one_line(broken.expected), one_line(broken.observed)
        known = profile.known_failure(requirement.id, play.scenario.id)
        return Verdict(
            word=word,
            reason=f"expected {expected}; observed {observed}",
            expected=expected,
            observed=observed,
            see=broken.see,
            known=known,
        )
    except Unproven as unproven:
        known = profile.known_failure(requirement.id, play.scenario.id)
        return Verdict(word="INCONCLUSIVE", reason=one_line(str(unproven)), see=unproven.see, known=known)
    except Inapplicable as lacking:
        # A deployment that went down in the middle of a play has not shown what it lacks.
        return Verdict(word="NOT-APPLICABLE" if play.lost is None else "INCONCLUSIVE", reason=one_line(str(lacking)))
    except Exception as error:  # noqa: BLE001 -- an error in a check is a fault of this suite, and must be shown as one
        return Verdict(word="ERROR", reason=one_line(f"the check itself failed: {type(error).__name__}: {error}"))
    if requirement.level == "PROFILE":
        return _judge_freedom(requirement, taken, profile)
    return Verdict(word="PASS", reason="")


def _check(requirement: Requirement, play: Play, profile: Profile) -> str | None:
    """Return the freedom that the check reports. Raise what the check or one of its premises raises."""
    play = play if requirement.id == SPELLING else play.spelled_alike
    premises = premises_of(requirement.id)
    for premise in premises:
        premise.require(play)
    try:
        taken = check_of(requirement.id)(play)
    except Broken as broken:
        for premise in premises:
            premise.excuse(play, broken.see)
        raise
    if requirement.level == "PROFILE" and _judge_freedom(requirement, taken, profile).word == "FAIL":
        for premise in premises:
            premise.excuse(play, ())
    for premise in premises:
        premise.confirm(play)
    return taken


def _judge_freedom(requirement: Requirement, taken: str | None, profile: Profile) -> Verdict:
    """Return a verdict that reports the freedom taken, and compares it with the declared one."""
    freedom = profile.freedom(requirement.id)
    choices = (requirement.documented, *requirement.also) if freedom is None else (freedom,)
    if taken in choices:
        return Verdict(word="PASS", reason=f"took the freedom `{taken}`", freedom=taken)
    declared = " or ".join(f"`{choice}`" for choice in choices)
    why = f"took the undeclared freedom `{taken}`: the profile (or the documentation) declares {declared}"
    intended = f'If that is intended, declare it in the profile under [freedoms]: {requirement.id} = "{taken}"'
    return Verdict(
        word="FAIL",
        freedom=taken,
        reason=f"{why}. {intended}",
        expected=f"{declared}, as declared",
        observed=f"`{taken}`. {intended}",
    )


def is_red(verdict: Verdict, *, strict: bool) -> bool:
    """Return whether a verdict fails the run of the suite.

    PASS, NOT-APPLICABLE and declared failures do not. WARN does only when `strict`.
    """
    if verdict.known is not None or verdict.word in ("PASS", "NOT-APPLICABLE"):
        return False
    return strict or verdict.word != "WARN"
