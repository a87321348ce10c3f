"""The JUnit file of a run: cases named `REQUIREMENT[SCENARIO]`, in a class for each deployment and area.

The exploration of a deployment is one case, `exploration` in the class `DEPLOYMENT.exploration`.

CI systems group cases by class and list them by name, and the names that pytest gives repeat one function many times.
The names are unique, because GitLab shows one of several cases with the same class and name, whatever became of the
others, and Jenkins counts the age of a failure by both.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from conformance.report.report import write_whole
from conformance.transcript.text import visible


def add_error(path: Path, reason: str) -> None:
    """Add a case to a JUnit file that pytest has written, with the reason why nothing was judged.

    A file without cases would read like a run in which nothing failed. Do nothing when there is no file.
    """
    if not path.is_file():
        return
    tree = ET.parse(path)
    _drop_unfinished(tree)
    _add_error(tree, "nothing was judged", reason)
    _write(path, tree)


def name_by_requirement(path: Path, incomplete: str | None = None) -> None:
    """Rename the suite's cases in a JUnit file that pytest has written, and leave other cases unchanged.

    The requirement of a case is read from its properties. `incomplete` is what ended the run before its time. Do
    nothing when there is no file.
    """
    # The file is edited afterwards because pytest has no public way to name cases that also works with xdist, where the
    # controller that writes the file has no items.
    if not path.is_file():
        return
    tree, changed = ET.parse(path), False
    _drop_unfinished(tree)
    for case in tree.iter("testcase"):
        values = {p.attrib["name"]: p.attrib["value"] for p in case.iter("property")}
        if {"deployment", "area", "verdict", "reason"} <= values.keys():
            judged = "requirement" in values
            case.set("name", f"{values['requirement']}[{values['scenario']}]" if judged else values["area"])
            case.set("classname", f"{values['deployment']}.{values['area']}")
            for failure in case.iter("failure"):
                failure.set("message", f"{values['verdict']}: {values['reason']}")
                # The word of JUnit for what is not the fault of what was tested.
                if values["verdict"] == "ERROR":
                    failure.tag, changed = "error", True
    for suite in tree.iter("testsuite") if changed else ():
        for count, tag in (("failures", "failure"), ("errors", "error")):
            suite.set(count, str(len(suite.findall(f"testcase/{tag}"))))
    if incomplete is not None:
        # Without it, the file of a run that was ended at its time limit may read like a run without a failure.
        _add_error(tree, "the run is incomplete", incomplete)
    _write(path, tree)


def _add_error(tree: ET.ElementTree[ET.Element], name: str, reason: str) -> None:
    suite = next(tree.iter("testsuite"))
    case = ET.SubElement(suite, "testcase", classname="doubletext.run", name=name, time="0.000")
    ET.SubElement(case, "error", message=visible(reason))
    for count in ("tests", "errors"):
        suite.set(count, str(int(suite.get(count, "0")) + 1))


def _drop_unfinished(tree: ET.ElementTree[ET.Element]) -> None:
    """Remove the case in which a run ended, which pytest writes without a name and an outcome, like a success."""
    for suite in tree.iter("testsuite"):
        for case in suite.findall("testcase"):
            if "name" not in case.attrib:
                suite.remove(case)
        suite.set("tests", str(len(suite.findall("testcase"))))


def _write(path: Path, tree: ET.ElementTree[ET.Element]) -> None:
    write_whole(path, ET.tostring(tree.getroot(), encoding="utf-8", xml_declaration=True))
