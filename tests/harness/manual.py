"""manual: what the manual pages and the README show as examples, as it reads on the screen."""
import re
import textwrap

from .paths import ROOT


def examples(page):
    """The displays of a page's EXAMPLES, in order. page: client/sessjwt.1, …"""
    text = (ROOT / page).read_text("utf-8").partition("\n.Sh EXAMPLES\n")[2].partition("\n.Sh ")[0]
    blocks = re.findall(r"^\.Bd -literal.*\n((?:.*\n)*?)\.Ed$", text, re.M)
    return [block.replace("\\&", "").replace("\\e", "\\") for block in blocks]


def displays(page):
    """The indented parts of a Markdown page, in order, without their indent."""
    text = (ROOT / page).read_text("utf-8")
    blocks = re.findall(r"^(?:    .*\n|\n(?=    ))+", text, re.M)
    return [textwrap.dedent(block).strip("\n") + "\n" for block in blocks if block.strip()]
