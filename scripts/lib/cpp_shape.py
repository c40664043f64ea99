"""The little of C++'s shape that the size limits need: where comments and strings are, and where the
bodies of functions start and end. A brace counter, not a parser; it is exact for code that
clang-format has been over."""
import re

_TOKEN = re.compile(
    r'//[^\n]*'
    r'|/\*.*?\*/'
    r'|R"(?P<delim>[^()\\\s]{0,16})\(.*?\)(?P=delim)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'",
    re.S)


def strip(text, keep_strings=False):
    """The text with comments (and strings) blanked; offsets and line numbers stay."""
    def blank(match):
        token = match.group(0)
        if keep_strings and token[0] not in "/":
            return token
        return re.sub(r"[^\n]", " ", token)
    return _TOKEN.sub(blank, text)


_SCOPE = re.compile(r"^(?:template\b.*>\s*)?(?:(?:inline|extern|static|typedef|constexpr)\s+)*"
                    r"(?:namespace|class|struct|union|enum|extern)\b", re.S)
_NAME = re.compile(r"([~\w:]+(?:\s*operator\s*\S+?)?)\s*\(")


def _opens_scope(header):
    """namespace, class and the like; not a function that merely returns a struct."""
    if not _SCOPE.match(header):
        return False
    rest = re.sub(r"\b(?:alignas|__attribute__|requires)\s*\(+[^()]*(?:\([^()]*\)[^()]*)*\)+", "", header)
    return "(" not in rest or rest.lstrip().startswith(("class", "struct", "template")) and \
        not re.search(r"\)\s*(?:const|noexcept|override|final|->.*)?\s*$", rest)


def _is_body(header):
    """A function body, a constructor's one after a member initialiser included; not a table."""
    if header == "" or header.startswith((",", ":")):
        return True
    return "(" in header and not header.rstrip().endswith("=")


def function_spans(source):
    """(name, first line, last line) of every function body at namespace or class level."""
    text = strip(source)
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)),
                  text, flags=re.M)
    spans = []
    stack = []  # "scope", "body" or "other" for each open brace
    current = None  # (name, start offset, depth) of the function being measured
    pending = None  # header of a constructor whose member initialisers use braces
    mark = 0  # where the present declaration began
    for match in re.finditer(r"[{};]", text):
        at, char = match.start(), match.group(0)
        if char == ";":
            if current is None and all(s == "scope" for s in stack):
                mark, pending = match.end(), None
            continue
        if char == "}":
            kind = stack.pop() if stack else "other"
            if kind == "body" and current and len(stack) == current[2]:
                first = text.count("\n", 0, current[1]) + 1
                spans.append((current[0], first, text.count("\n", 0, at) + 1))
                current = None
            if current is None:
                mark = match.end()
            continue
        header_start = mark + (len(text[mark:at]) - len(text[mark:at].lstrip()))
        header = re.sub(r"^(?:(?:public|private|protected)\s*:\s*)+", "", text[mark:at].strip())
        if current is not None:
            stack.append("other")
            continue
        if _opens_scope(header):
            stack.append("scope")
            mark, pending = match.end(), None
        elif pending is None and _is_body(header) and header and not header.startswith((",", ":")):
            name = (_NAME.search(header) or [None, "function"])[1]
            if re.search(r"\)\s*(?:noexcept\s*)?:\s", header) and re.search(r"[\w>]$", header):
                pending = (name, header_start)  # `: member_{...}`: the body is still to come
                stack.append("other")
            else:
                current = (name, header_start, len(stack))
                stack.append("body")
        elif pending is not None and not re.search(r"[\w>]$", header):
            current = (*pending, len(stack))
            pending = None
            stack.append("body")
        else:
            stack.append("other")
    return spans
