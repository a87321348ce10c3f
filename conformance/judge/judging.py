"""Verdicts, and the judge: one requirement, one transcript, one profile in; one verdict out."""

from __future__ import annotations

from typing import Literal

import msgspec

from conformance.judge.check import check_of
from conformance.judge.expect import Broken, Unproven
from conformance.judge.overlap import expect_required_overlaps
from conformance.judge.play import Play
from conformance.judge.profiles import Profile
from conformance.requirements.registry import Requirement
from conformance.transcript.text import one_line

Word = Literal["PASS", "FAIL", "WARN", "INCONCLUSIVE", "NOT-APPLICABLE", "ERROR"]
WORDS: tuple[Word, ...] = ("PASS", "FAIL", "WARN", "INCONCLUSIVE", "NOT-APPLICABLE", "ERROR")


NO_PROBE = "it needs the probe agent, and this agent knows nothing of the probe"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What came of judging: `reason` is one line; `see` are seqs of the moments that show it.

    `expected` and `observed` are set for FAIL and WARN. `known` is the profile's reason when it declares this failure.
    `freedom` is the documented freedom that was taken.
    """

    word: Word
    reason: str
    expected: str = ""
    observed: str = ""
    see: tuple[int, ...] = ()
    known: str | None = None
    freedom: str | None = None


def judge(requirement: Requirement, play: Play, profile: Profile) -> Verdict:
    """Judge one play by one requirement; never raises.

    FAIL: a MUST is broken, or a freedom (PROFILE) was taken that the profile does not declare.
    WARN: a SHOULD is broken. INCONCLUSIVE: the record cannot show it. ERROR: the check itself failed.
    """
    absent = profile.absence(requirement.id, play.scenario.id)
    if absent is not None:
        return Verdict(word="NOT-APPLICABLE", reason=f"declared absent: {absent}")
    if not requirement.can_be_judged(play.transcript.target.probe, steered=play.scenario.steered):
        return Verdict(word="NOT-APPLICABLE", reason=NO_PROBE)
    if (outdated := play.outdated_agent()) is not None:
        return Verdict(word="INCONCLUSIVE", reason=outdated)
    try:
        if not play.witnessed:
            expect_required_overlaps(play)
        taken = check_of(requirement.id)(play)
    except Broken as broken:
        if play.lost is not None and play.unanswered(broken.see):
            # A deployment that went down in the middle of a play has not refused anything.
            return Verdict(word="INCONCLUSIVE", reason=f"the deployment went down: {play.lost.error}", see=broken.see)
        word: Word = "WARN" if requirement.level == "SHOULD" else "FAIL"
        # What the deployment sent may be long, and is quoted in both.
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
    except Exception as error:  # noqa: BLE001 -- a check that breaks is this suite's fault, and must be seen as that
        return Verdict(word="ERROR", reason=one_line(f"the check itself failed: {type(error).__name__}: {error}"))
    if requirement.level == "PROFILE":
        return _judge_freedom(requirement, taken, profile)
    return Verdict(word="PASS", reason="")


def _judge_freedom(requirement: Requirement, taken: str | None, profile: Profile) -> Verdict:
    """A documented freedom is reported, and compared with what the profile declares."""
    declared = profile.freedom(requirement.id) or requirement.documented
    if taken == declared:
        return Verdict(word="PASS", reason=f"took the freedom `{taken}`", freedom=taken)
    return Verdict(
        word="FAIL",
        freedom=taken,
        reason=f"takes the freedom `{taken}`, undeclared: the profile (or the documentation) says `{declared}`",
        expected=f"`{declared}`, as declared",
        observed=f'`{taken}`; declare it in the profile under [freedoms] as {requirement.id} = "{taken}"',
    )


def is_red(verdict: Verdict, *, strict: bool) -> bool:
    """Whether a verdict fails the run: all but PASS, NOT-APPLICABLE, what was declared, and WARN unless strict."""
    if verdict.known is not None or verdict.word in ("PASS", "NOT-APPLICABLE"):
        return False
    return strict or verdict.word != "WARN"
