"""German spelling to the phones of the English acoustic model, and German numbers in words.

A list of rules of ours as in ``g2p``, tried longest first, and the lengths of vowels: a vowel is short before two
consonants and long before one or an h. Sounds that English lacks become the nearest that its model has: ü and ö the
vowels that it hears in them, ch SH or HH, r R or, behind a vowel, nothing but its colour. That is near enough to find
words in the sound, which is all that alignment asks. Compounds are not taken apart, but for the prefixes below.
"""

from __future__ import annotations

import re
import unicodedata

from .g2p import longest_rule, read_out

# Graphemes to phones of CMUdict. "^" binds to the word's start and "$" to its end; a capital letter is a long vowel.
_RULES = """
sch=SH tsch=CH ch=KX chs=K,S ^ch=K ^chi=SH,IY ^che=SH,EH ck=K ph=F pf=P,F ^pf=F th=T dt=T tz=T,S z=T,S zz=T,S
qu=K,V x=K,S ß=S ss=S s=S sp=S,P st=S,T ^sp=SH,P ^st=SH,T v=F w=V j=Y ng=NG nk=NG,K nn=N mm=M ll=L rr=R ff=F
tt=T pp=P bb=B dd=D gg=G kk=K b=B c=K d=D f=F g=G h=HH k=K l=L m=M n=N p=P r=R t=T b$=P d$=T g$=K gs$=K,S
bs$=P,S ds$=T,S gt$=K,T bt$=P,T ig$=IH,CX igt$=IH,CX,T igs$=IH,CX,S tion=T,S,Y,OW,N tionen=T,S,Y,OW,N,AH,N
sion=Z,Y,OW,N a=AA e=EH i=IH o=AO u=UH ä=EH ö=ER ü=UE y=UE A=AA E=EY I=IY O=OW U=UW Ä=EH Ö=ER Ü=UE Y=UE ie=IY
ieh=IY aa=AA ee=EY oo=OW ah=AA eh=EY ih=IY oh=OW uh=UW äh=EH öh=ER üh=UE ei=AY ai=AY ey=AY ay=AY eih=AY eu=OY
äu=OY au=AW e$=AH en$=AH,N el$=AH,L eln$=AH,L,N em$=AH,M er$=EA ern$=EA,N ers$=EA,S es$=AH,S et$=AH,T
est$=AH,S,T end$=AH,N,T ens$=AH,N,S ende$=AH,N,D,AH enden$=AH,N,D,AH,N ene$=AH,N,AH eren$=AH,R,AH,N ere$=AH,R,AH
ierung=IY,R,UH,NG ier=IY,RR iere=IY,R,AH ar=AA,RR er=EH,RR ir=IH,RR or=AO,RR ur=UH,RR är=EH,RR ör=ER,RR ür=UE,RR
Ar=AA,RR Er=EH,RR Ir=IY,RR Or=AO,RR Ur=UH,RR Är=EH,RR Ör=ER,RR Ür=UE,RR
"""
# Sounds that English lacks, and what its model may hear in them: ü, the ch of ich and of ach, -er, r behind a vowel.
_HEARD = {
    "UE": (("IY",), ("UW",)),
    "CX": (("SH",), ("HH",)),
    "KX": (("HH",), ("K",)),
    "EA": (("AH",), ("ER",)),
    "RR": (("R",), ()),
}
_TABLE = {left: tuple(right.split(",")) for left, _, right in (rule.partition("=") for rule in _RULES.split())}
_LONGEST = max(len(key.strip("^$")) for key in _TABLE)
_VOWELS = "aeiouäöüy"
_CONTEXT = ("ch", "s", "h", "r")
_DARK = ("AA", "AO", "OW", "UH", "UW", "AW")  # vowels behind which ch is the sound of ach
# A vowel before one consonant and another vowel, or before one at the end of a syllable that is stressed, is long.
_LONG = re.compile(rf"(?<![{_VOWELS}])[aeiouäöüy](?=(?:[bdfglmnprstvwz]|ß)[{_VOWELS}])(?!s?ch)")
# A monosyllable before one consonant, too, but for the short words below.
_LONG_ALONE = re.compile(rf"(?<![{_VOWELS}])[aeiouäöüy](?=[bdfglnrst]$|ch$)")
_PREFIXES = {
    prefix: tuple(phones.split(","))
    for prefix, _, phones in (
        entry.partition("=")
        for entry in """
    be=B,AH ge=G,AH ver=F,EH,RR er=EH,RR ent=EH,N,T zer=T,S,EH,RR an=AA,N auf=AW,F aus=AW,S ein=AY,N vor=F,AO,RR
    zu=T,S,UW um=UH,M ab=AA,P mit=M,IH,T nach=N,AA,KX über=UE,B,EA unter=UH,N,T,EA her=HH,EH,RR hin=HH,IH,N da=D,AA
    dar=D,AA,RR un=UH,N ur=UW,RR miss=M,IH,S wieder=V,IY,D,EA weg=V,EH,K früh=F,R,UE vorbei=F,AO,RR,B,AY
    zurück=T,S,UW,R,UE,K
    """.split()
    )
}
_PREFIX = re.compile(rf"({'|'.join(sorted(_PREFIXES, key=len, reverse=True))})(?![{_VOWELS}]$)(\w{{3,}})")
# Endings without a full vowel.
_UNSTRESSED = re.compile(r"(?:e|en|er|el|em|es|et|est|ern|eln|ens|end|ende|enden|erst)$")
# Short words that the rules get wrong, most of them said without stress.
_EXCEPTIONS = {
    word: tuple(phones.split(","))
    for word, _, phones in (
        entry.partition("=")
        for entry in """
    der=D,EH,RR die=D,IY das=D,AA,S den=D,EY,N dem=D,EY,M des=D,EH,S er=EH,RR sie=Z,IY es=EH,S ich=IH,CX wir=V,IY,RR
    ihr=IY,RR mir=M,IY,RR dir=D,IY,RR wer=V,EH,RR wo=V,OW so=Z,OW da=D,AA ja=Y,AA zu=T,S,UW du=D,UW nun=N,UW,N
    vom=F,AO,M von=F,AO,N vor=F,AO,RR für=F,UE,RR nur=N,UW,RR ein=AY,N eine=AY,N,AH weg=V,EH,K hin=HH,IH,N man=M,AA,N
    mal=M,AA,L schon=SH,OW,N nein=N,AY,N tag=T,AA,K gut=G,UW,T im=IH,M in=IH,N um=UH,M am=AA,M an=AA,N ab=AA,P
    ob=AO,P jetzt=Y,EH,T,S,T sehr=Z,EY,RR mehr=M,EY,RR wenn=V,EH,N weil=V,AY,L viel=F,IY,L vier=F,IY,RR
    wird=V,IH,RR,T
    okay=OW,K,EY hallo=HH,AA,L,OW computer=K,AO,M,P,Y,UW,T,EA chef=SH,EH,F team=T,IY,M mit=M,IH,T bis=B,IH,S
    """.split()
    )
}


def pronounce_german(word: str) -> tuple[str, ...]:
    """Phones of a word of German letters; empty if it has none.

    >>> pronounce_german("schön"), pronounce_german("verstehen"), pronounce_german("Nacht")
    (('SH', 'ER', 'N'), ('F', 'EH', 'R', 'SH', 'T', 'EY', 'AH', 'N'), ('N', 'AA', 'HH', 'T'))
    """
    return german_pronunciations(word)[0]


def german_pronunciations(word: str) -> tuple[tuple[str, ...], ...]:
    """What may be heard in a word of German letters, the first as careful speakers of the north have it.

    >>> german_pronunciations("Tür")
    (('T', 'IY', 'R'), ('T', 'UW'))
    """
    sounds = _sounds(re.sub(r"[^a-zäöüß]", "", word.lower()))
    heard = [
        tuple(phone for sound in sounds for phone in (_HEARD[sound][k] if sound in _HEARD else (sound,)))
        for k in range(2)
    ]
    return tuple(dict.fromkeys(heard))


def _sounds(word: str) -> tuple[str, ...]:
    """Phones and the sounds of ``_HEARD`` of a word of German letters in small."""
    if word in _EXCEPTIONS:
        return _EXCEPTIONS[word]
    if not any(letter in _VOWELS for letter in word):
        return tuple(phone for letter in word for phone in _LETTERS[letter])
    prefix = _PREFIX.fullmatch(word)
    if prefix is not None and _is_stem(prefix[1], prefix[2]):
        return (*_PREFIXES[prefix[1]], *_sounds(prefix[2]))
    return _read(word)


def _is_stem(prefix: str, rest: str) -> bool:
    """Whether what follows a prefix is a word of its own: it has a full vowel, which does not join the prefix's."""
    if prefix[-1] in _VOWELS and rest[0] in "iue":
        return False
    return any(letter in _VOWELS for letter in _UNSTRESSED.sub("", rest))


def _read(word: str) -> tuple[str, ...]:
    """Phones of a part of a word, by the rules."""
    long = {match.start() for match in _LONG.finditer(word)}
    if word not in _SHORT:
        long |= {match.start() for match in _LONG_ALONE.finditer(word) if sum(c in _VOWELS for c in word) == 1}
    spelled = "".join(letter.upper() if k in long and letter != "e" else letter for k, letter in enumerate(word))
    first = re.search(rf"[{_VOWELS}]", word)
    if first is not None and first.start() in long:  # an e is only long where the stress can be, in the first syllable
        spelled = spelled[: first.start()] + spelled[first.start()].upper() + spelled[first.start() + 1 :]
    sounds: list[str] = []
    at = 0
    while at < len(spelled):
        size, found = longest_rule(spelled, at, _TABLE, _LONGEST)
        piece = spelled[at : at + size]
        sounds += _in_context(spelled, at, sounds) if piece in _CONTEXT else found
        at += size
    return tuple(sounds)


def _in_context(word: str, at: int, before: list[str]) -> tuple[str, ...]:
    """The sound of ch, s, h or r, which depends on what stands around it."""
    behind, ahead = (_is_vowel(word, at - 1), _is_vowel(word, at + 1))
    if word[at] == "c":
        return ("K",) if not before else ("KX",) if before[-1] in _DARK else ("CX",)
    if word[at] == "h":  # behind a vowel it only makes it long
        return () if behind else ("HH",)
    if word[at] == "r":
        return ("RR",) if behind and not ahead else ("R",)
    return ("Z",) if ahead and (behind or at == 0 or word[at - 1] in "lmnr") else ("S",)


def _is_vowel(word: str, at: int) -> bool:
    return 0 <= at < len(word) and word[at].lower() in _VOWELS


_LETTERS = {
    letter: tuple(phones.split(","))
    for letter, phones in zip(
        "abcdefghijklmnopqrstuvwxyzß",
        "AA B,EY T,S,EY D,EY EY EH,F G,EY HH,AA IY Y,AO,T K,AA EH,L EH,M EH,N OW P,EY K,UW EH,R EH,S T,EY UW F,AW V,EY "
        "IH,K,S IH,P,S,IH,L,AO,N T,S,EH,T EH,S,T,S,EH,T".split(),
        strict=True,
    )
}

_SHORT = frozenset(
    "hat mit bis das was ob ab an in es des weg hin bin man bist gib doch noch nach ach mach sich dich mich auch euch "
    "loch dach koch tisch fisch frisch wisch rasch bill hotel stopp top job bus club plus chef web net".split()
)

_ONES = (
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn "
    "achtzehn neunzehn"
).split()
_TENS = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()


def german_number(number: int) -> list[str]:
    """A whole number below a billion as words, joined as they are written up to thousands; above, its digits.

    >>> german_number(42), german_number(1205), german_number(2_000_000)
    (['zweiundvierzig'], ['eintausendzweihundertfünf'], ['zwei', 'millionen'])
    """
    if number < 1000_000:
        return [_below_a_million(number)]
    if number < 1_000_000_000:
        millions, rest = divmod(number, 1_000_000)
        head = ["eine", "million"] if millions == 1 else [_below_a_million(millions), "millionen"]
        return [*head, *(german_number(rest) if rest else [])]
    return [_ONES[int(digit)] for digit in str(number)]


def _below_a_million(number: int) -> str:
    if number < 20:
        return _ONES[number]
    if number < 100:
        ones, tens = number % 10, _TENS[number // 10 - 2]
        return tens if not ones else f"{'ein' if ones == 1 else _ONES[ones]}und{tens}"
    for size, name in ((1000, "tausend"), (100, "hundert")):
        if number >= size:
            count, rest = divmod(number, size)
            head = "ein" if count == 1 else _below_a_million(count)
            return f"{head}{name}{_below_a_million(rest) if rest else ''}"
    raise AssertionError(number)


_SIGNS = {"&": "und", "%": "prozent", "+": "plus", "@": "ät", "=": "gleich", "€": "euro", "$": "dollar", ",": "komma"}


def spoken_german(text: str) -> list[str]:
    """The tokens (a-z, ä, ö, ü, ß) that one written word of German is spoken as; empty if none is known.

    >>> spoken_german("Grüß-Gott!"), spoken_german("42%"), spoken_german("1984"), spoken_german("3,5")
    (['grüß', 'gott'], ['zweiundvierzig', 'prozent'], ['neunzehnhundertvierundachtzig'], ['drei', 'komma', 'fünf'])
    """
    text = unicodedata.normalize("NFC", text).lower()
    text = "".join(c if c in "äöüß" else unicodedata.normalize("NFKD", c)[:1] for c in text)
    pieces = re.findall(r"\d{1,3}(?:\.\d{3})+(?!\d)|\d+|[a-zäöüß]+|[&%+@=€$]|(?<=\d),(?=\d)", text)
    return read_out(pieces, _SIGNS, _number)


def _number(digits: str) -> list[str]:
    """Digits in words; four of them from 1100 to 1999 as a year."""
    if re.fullmatch(r"1[1-9]\d\d", digits):
        rest = int(digits[2:])
        return [f"{_ONES[int(digits[:2])]}hundert{_below_a_million(rest) if rest else ''}"]
    return german_number(int(digits.replace(".", "")))
