"""Bit flips, zeroed blocks and truncation of the files of a server that is down."""
import os

# No part of what is stored: copies of what was found damaged before, and a lock.
IGNORED = ("lock", "damaged")


def do_damage(root, files, dice):
    """Damages one file; returns its path below root and a text. None if there is no file."""
    choices = [f for f in files if not set(f.split("/")) & set(IGNORED) and os.path.getsize(root / f) > 0]
    if not choices:
        return None
    kinds = sorted({kind_of(f) for f in choices})
    kind = dice.choice(kinds)  # every kind of file is as likely
    name = dice.choice([f for f in choices if kind_of(f) == kind])
    path = root / name
    size = os.path.getsize(path)
    how = dice.choice(("flip", "flip", "zero", "truncate"))
    with open(path, "r+b", buffering=0) as file:
        if how == "truncate":
            length = dice.randrange(size)
            file.truncate(length)
            text = f"cut off at {length} of {size}"
        elif how == "zero":
            at = dice.randrange(size) // 512 * 512
            os.pwrite(file.fileno(), bytes(min(4096, size - at)), at)
            text = f"zeros at {at} of {size}"
        else:
            at = dice.randrange(size)
            byte = os.pread(file.fileno(), 1, at)[0]
            os.pwrite(file.fileno(), bytes([byte ^ 1 << dice.randrange(8)]), at)
            text = f"bit flipped at {at} of {size}"
    return name, text


def kind_of(name):
    """Files of one kind: by the end of their name, or by the name itself if it has no end."""
    base = os.path.basename(name)
    return os.path.splitext(base)[1] or base


def may_be_silent(name, files):
    """The last segment of a log: of its end nobody can say whether something is missing. The end of a
    file of any other kind is known."""
    folder = os.path.dirname(name)
    return kind_of(name) in (".seg", ".blk") and name == max(
        f for f in files if os.path.dirname(f) == folder and kind_of(f) == kind_of(name))
