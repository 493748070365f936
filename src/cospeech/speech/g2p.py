"""English spelling to phones, for the words that the pronouncing dictionary does not have.

A short list of rules of ours, tried longest first. Names and new words come out near enough to be
found in the sound, which is all the alignment asks. It knows no stress, and no language but English
(``g2p_german`` reads German).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Mapping

# Graphemes to phones of CMUdict (no stress). Longest match wins; "^" binds to the word's start and
# "$" to its end.
_RULES = """
^ae=IY ^x=Z ^kn=N ^gn=N ^wr=R ^ps=S ^pn=N ^rh=R ^wh=W ^who=HH,UW ^un=AH,N ^re=R,IY ^mc=M,AH,K ^be=B,IH
^de=D,IH ^y=Y ^h=HH ^pre=P,R,IY ^anti=AE,N,T,IY ^ch=CH ^chr=K,R ^sch=SH ^eu=Y,UW ^u=AH ^uni=Y,UW,N,IH
^co=K,OW a=AE aa=AA ah=AA ai=EY air=EH,R al=AE,L all=AO,L alk=AO,K ar=AA,R are$=EH,R au=AO augh=AO aw=AO
ay=EY a$=AH ae$=IY ah$=AH ia=IY,AH ia$=IY,AH ious$=IY,AH,S ian$=IY,AH,N iar=Y,ER able$=AH,B,AH,L
ably$=AH,B,L,IY age$=IH,JH al$=AH,L ally$=AH,L,IY an$=AH,N ant$=AH,N,T ance$=AH,N,S ar$=ER ard$=ER,D
ary$=EH,R,IY ate$=EY,T b=B bb=B mb$=M mbs$=M,Z c=K cc=K cch=K ce=S,EH ce$=S ces$=S,IH,Z ch=CH chr=K,R
ci=S,IH cia=SH,AH cial$=SH,AH,L cious$=SH,AH,S ck=K cy=S,IY cei=S,IY cqu=K,W d=D dd=D dg=JH dge=JH
dge$=JH e=EH e$= ea=IY ear=IH,R ead=EH,D eau=OW ee=IY eer=IH,R ei=EY eigh=EY eir=EH,R er=ER err=EH,R
er$=ER ers$=ER,Z ery$=ER,IY es$=Z ses$=S,IH,Z zes$=Z,IH,Z xes$=K,S,IH,Z shes$=SH,IH,Z ches$=CH,IH,Z
ges$=JH,IH,Z ed$=D ted$=T,IH,D ded$=D,IH,D ked$=K,T ped$=P,T ssed$=S,T shed$=SH,T ched$=CH,T fed$=F,T
eu=UW ew=UW ey=EY ey$=IY el$=AH,L en$=AH,N ence$=AH,N,S ent$=AH,N,T ess$=AH,S ened$=AH,N,D ens$=AH,N,Z
ement$=M,AH,N,T ful$=F,AH,L f=F ff=F ph=F g=G gg=G ge=JH,EH ge$=JH gi=JH,IH gy=JH,IY gh= ght=T gn$=N
gu=G,Y,UW gue$=G ger$=G,ER h=HH i=IH ie=IY ie$=IY ies$=IY,Z ied$=IY,D ier$=IY,ER iest$=IY,AH,S,T igh=AY
ight=AY,T ign$=AY,N ild$=AY,L,D ind$=AY,N,D ing$=IH,NG ings$=IH,NG,Z io=IY,OW ion=Y,AH,N ir=ER irr=IH,R
i$=IY ism$=IH,Z,AH,M ity$=AH,T,IY ive$=IH,V ine$=AY,N ize$=AY,Z ise$=AY,Z ique$=IY,K ically$=IH,K,L,IY
ily$=AH,L,IY j=JH k=K kk=K kh=K l=L ll=L le$=AH,L les$=AH,L,Z led$=AH,L,D less$=L,AH,S ly$=L,IY m=M mm=M
n=N nn=N ng=NG ng$=NG nk=NG,K nge=N,JH nge$=N,JH ngle$=NG,G,AH,L ness$=N,AH,S o=AA o$=OW oa=OW oar=AO,R
oe$=OW oi=OY old=OW,L,D olk=OW,K oll$=OW,L oo=UW ook=UH,K ood=UH,D oor=AO,R or=AO,R ore$=AO,R or$=ER
ors$=ER,Z ou=AW our=AO,R ough=AO ought=AO,T ould=UH,D ous$=AH,S ously$=AH,S,L,IY ow=OW own=AW,N ow$=OW
oy=OY on$=AH,N ons$=AH,N,Z om$=AH,M os$=OW,S p=P pp=P q=K qu=K,W que$=K r=R rr=R rh=R s=S ss=S sc=S,K
sce=S,EH sci=S,AY sch=S,K sh=SH sion=ZH,AH,N ssion=SH,AH,N sure=ZH,ER se$=Z sse$=S nse$=N,S rse$=R,S
ese$=IY,Z ose$=OW,Z s$=Z ps$=P,S ts$=T,S ks$=K,S cks$=K,S fs$=F,S us$=AH,S is$=IH,S ss$=S sm$=Z,AH,M
son$=S,AH,N sky$=S,K,IY ski$=S,K,IY stein$=S,T,AY,N berg$=B,ER,G burg$=B,ER,G ton$=T,AH,N man$=M,AH,N
land$=L,AH,N,D ham$=HH,AH,M some$=S,AH,M ward$=W,ER,D wards$=W,ER,D,Z ville$=V,IH,L t=T tt=T tch=CH th=TH
the$=DH ther=DH,ER tion=SH,AH,N tial=SH,AH,L tious=SH,AH,S ture=CH,ER tz=T,S u=AH ue$=UW ui=UW ur=ER
urr=ER ure$=Y,UH,R uy=AY um$=AH,M ual$=UW,AH,L ull=UH,L ush=AH,SH u$=UW v=V vv=V ve$=V w=W wh=W wr=R
war=W,AO,R wor=W,ER x=K,S y=IY y$=IY yr=ER ys$=IY,Z z=Z zz=Z ques$=K,S ates$=EY,T,S ation=EY,SH,AH,N
ations$=EY,SH,AH,N,Z tual$=CH,UW,AH,L ated$=EY,T,IH,D
"""
_TABLE = {
    left: tuple(right.split(",")) if right else () for left, _, right in (r.partition("=") for r in _RULES.split())
}
_LONGEST = max(len(key.strip("^$")) for key in _TABLE)
_LONG_VOWEL = {"a": "EY", "e": "IY", "i": "AY", "o": "OW", "u": "UW", "y": "AY"}
# A vowel before one consonant and a silent e is long: made, mine, note, and the like with s or d.
_SILENT_E = re.compile(r"(?<![aeiou])[aeiouy](?=(?:[bcdfgklmnpstvz]|th|st)e(?:s|d|ly|ment|ful|less)?$)")


def pronounce(word: str) -> tuple[str, ...]:
    """Phones of a word of letters a-z and apostrophes; empty if it has no letter.

    >>> pronounce("cospeech"), pronounce("zorbing")
    (('K', 'OW', 'S', 'P', 'IY', 'CH'), ('Z', 'AO', 'R', 'B', 'IH', 'NG'))
    """
    word = re.sub(r"[^a-z]", "", word.lower())
    if word and not re.search(r"[aeiouy]", word):
        return tuple(phone for letter in word for phone in _LETTERS[letter])
    long = {match.start() for match in _SILENT_E.finditer(word)}
    phones: list[str] = []
    at = 0
    while at < len(word):
        if at in long:
            phones.append(_LONG_VOWEL[word[at]])
            at += 1
            continue
        size, found = longest_rule(word, at, _TABLE, _LONGEST, cuts=long)
        phones += found
        at += size
    return tuple(phones)


def longest_rule(
    word: str, at: int, table: Mapping[str, tuple[str, ...]], longest: int, *, cuts: Container[int] = ()
) -> tuple[int, tuple[str, ...]]:
    """Letters from ``at`` on that the longest fitting rule reads, and their phones; one letter and none without.

    Args:
        table: graphemes to phones; "^" binds to the word's start, "$" to its end.
        longest: letters of the longest rule.
        cuts: places that no rule reaches across.
    """
    for size in range(min(longest, len(word) - at), 0, -1):
        if any(place in cuts for place in range(at + 1, at + size)):
            continue
        piece = word[at : at + size]
        keys = [piece]
        if at == 0:
            keys.insert(0, "^" + piece.lower())
        elif at + size == len(word):
            keys.insert(0, piece.lower() + "$")
        found = next((key for key in keys if key in table), None)
        if found is not None:
            return size, table[found]
    return 1, ()


_LETTERS = {
    letter: tuple(phones.split(","))
    for letter, phones in zip(
        "abcdefghijklmnopqrstuvwxyz",
        "EY B,IY S,IY D,IY IY EH,F JH,IY EY,CH AY JH,EY K,EY EH,L EH,M EH,N OW P,IY K,Y,UW AA,R EH,S "
        "T,IY Y,UW V,IY D,AH,B,AH,L,Y,UW EH,K,S W,AY Z,IY".split(),
        strict=True,
    )
}

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def number_words(number: int) -> list[str]:
    """A whole number below a billion as words; above, its digits.

    >>> " ".join(number_words(1205)), " ".join(number_words(42))
    ('one thousand two hundred five', 'forty two')
    """
    if number < 20:
        return [_ONES[number]]
    if number < 100:
        return [_TENS[number // 10 - 2], *(number_words(number % 10) if number % 10 else [])]
    for size, name in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= size and number < size * 1000:
            rest = number_words(number % size) if number % size else []
            return [*number_words(number // size), name, *rest]
    return [_ONES[int(digit)] for digit in str(number)]


_SIGNS = {"&": "and", "%": "percent", "+": "plus", "@": "at", "=": "equals", ".": "point"}


def spoken(text: str) -> list[str]:
    """The tokens (a-z and apostrophes) that one written word is spoken as; empty if none is known.

    >>> spoken("well-known,"), spoken("42%"), spoken("1984"), spoken("Café"), spoken("我")
    (['well', 'known'], ['forty', 'two', 'percent'], ['nineteen', 'eighty', 'four'], ['cafe'], [])
    """
    text = unicodedata.normalize("NFKD", text.replace("’", "'").replace("‘", "'")).lower()
    text = "".join(character for character in text if not unicodedata.combining(character))
    pieces = re.findall(r"\d{1,3}(?:,\d{3})+|\d+|[a-z]+(?:'[a-z]+)*|[&%+@=]|(?<=\d)\.(?=\d)", text)
    return read_out(pieces, _SIGNS, _number)


def read_out(pieces: Iterable[str], signs: Mapping[str, str], number: Callable[[str], list[str]]) -> list[str]:
    """Tokens of pieces of text: words as they are, signs and digits in words."""
    tokens: list[str] = []
    for piece in pieces:
        if piece in signs:
            tokens.append(signs[piece])
        else:
            tokens += number(piece) if piece[0].isdigit() else [piece]
    return tokens


def _number(digits: str) -> list[str]:
    """Digits in words; four of them from 1100 to 1999 as a year."""
    if re.fullmatch(r"1[1-9]\d\d", digits) and digits[2:] != "00":
        return [*number_words(int(digits[:2])), *(["oh"] if digits[2] == "0" else []), *number_words(int(digits[2:]))]
    return number_words(int(digits.replace(",", "")))
