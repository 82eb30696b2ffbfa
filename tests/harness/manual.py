"""manual: what the manual pages show as examples, as it reads on the screen."""
import re

from .paths import ROOT


def examples(page):
    """The displays of a page's EXAMPLES, in order. page: client/sessjwt.1, …"""
    text = (ROOT / page).read_text("utf-8").partition("\n.Sh EXAMPLES\n")[2].partition("\n.Sh ")[0]
    blocks = re.findall(r"^\.Bd -literal.*\n((?:.*\n)*?)\.Ed$", text, re.M)
    return [block.replace("\\&", "").replace("\\e", "\\") for block in blocks]
