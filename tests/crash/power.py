"""What a power cut could have left of a directory, made from the shim's image of what is durable."""
import os
import shutil

BLOCK = 512


def cut_power(directory, shadow, rng):
    """Names as last synced or as they were; contents as last synced, as they were, or a mixture."""
    with open(os.path.join(shadow, "names"), encoding="ascii") as file:
        durable = {name: ino for ino, name in (line.split() for line in file)}
    now = {entry.name: str(entry.inode()) for entry in os.scandir(directory)
           if entry.is_file(follow_symlinks=False)}
    names = rng.choice([durable, now])
    keep = rng.choice([0.0, 0.0, 0.5, 1.0])
    after = {name: _survivor(shadow, ino, keep, rng) for name, ino in names.items()}
    shutil.rmtree(directory)
    os.mkdir(directory)
    for name, content in after.items():
        with open(os.path.join(directory, name), "wb") as file:
            file.write(content)
        os.chmod(file.name, 0o600)


def _survivor(shadow, ino, keep, rng):
    contents = []
    for kind in ("i", "l"):
        try:
            with open(os.path.join(shadow, kind + ino), "rb") as file:
                contents.append(file.read())
        except FileNotFoundError:
            contents.append(b"")
    synced, current = contents
    if keep == 0.0:
        return synced
    size = rng.choice([len(synced), len(current)])
    out = bytearray(size)
    for at in range(0, size, BLOCK):
        source = current if rng.random() < keep else synced
        piece = source[at:min(at + BLOCK, size)]
        out[at:at + len(piece)] = piece
    return bytes(out)
