"""Ways to write a value so that it is not seen as it is."""

import base64
import html
import urllib.parse

DISGUISES = {
    "plain": str,
    "zero-width": lambda text: "\u200b".join(text),
    "marks": lambda text: "".join(f"{char}\u0301\u200b" if char.isalpha() else char for char in text),
    "full-width": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "tags inside": lambda text: text[:4] + "\U000e0041" + text[4:],
    "terminal": lambda text: text[:3] + "\x1b[31;1m" + text[3:],
    "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "url-quoted": lambda text: urllib.parse.quote(text, safe=""),
    "unicode escapes": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "entities": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "html": lambda text: html.escape(text).replace("@", "&commat;"),
    "base64": lambda text: base64.b64encode(f"it is {text} then".encode()).decode(),
    "wrapped": lambda text: base64.encodebytes(f"it is {text} then, said {text}".encode()).decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(f"it is {text}?>".encode()).decode().rstrip("="),
    "hex": lambda text: f"it is {text} then".encode().hex(),
    "hex bytes": lambda text: f"it is {text} then".encode().hex(" "),
    "in two pieces": lambda text: f'{text[: len(text) // 2]}" + "{text[len(text) // 2 :]}',
    "in three lines": lambda text: "'\n    '".join((text[:4], text[4:9], text[9:])),
    "continued": lambda text: f"{text[:5]}\\\n{text[5:]}",
    "twice": lambda text: base64.b64encode(base64.b64encode(f"it is {text} then".encode())).decode(),
    "cut off": lambda text: text[: len(text) * 2 // 3],
}
