"""The phones that the package knows, how other alphabets write them, and the mouth shape that each belongs to.

The phones are the 39 of CMUdict without stress, and ``SIL``. Phones of other languages become the one
that a lip reader would take them for (``ʏ`` is ``UH``, ``x`` is ``HH``): a decision of ours, made for lips
and not for words. The fifteen mouth shapes are the visemes of Oculus.
"""

from __future__ import annotations

import unicodedata
from functools import cache

SILENCE = "SIL"
PHONES = (
    SILENCE,
    *"AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split(),
)
PHONE_INDEX = {phone: index for index, phone in enumerate(PHONES)}

VISEMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U")
_MEMBERS = """
sil=SIL PP=P,B,M FF=F,V TH=TH,DH DD=T,D kk=K,G,HH CH=CH,JH,SH,ZH SS=S,Z nn=N,L,NG RR=R,ER aa=AA,AE,AH,AW,AY
E=EH,EY I=IH,IY,Y O=AO,OW,OY U=UH,UW,W
"""
VISEME_OF = {
    phone: name for name, _, phones in (m.partition("=") for m in _MEMBERS.split()) for phone in phones.split(",")
}
VISEME_INDEX = tuple(VISEMES.index(VISEME_OF[phone]) for phone in PHONES)  # viseme of each phone

# Characters of the IPA and the pairs that make one phone. Length, tone, stress and place marks are passed over.
_IPA = """
a=AA ɑ=AA ɐ=AH ɒ=AO æ=AE ʌ=AH ə=AH ɘ=AH ɜ=ER ɝ=ER ɚ=ER ɤ=AH ɵ=UH e=EY ɛ=EH i=IY ɨ=IH ɪ=IH y=UW ʏ=UH ø=UH œ=UH
o=OW ɔ=AO u=UW ʉ=UW ɯ=IH ʊ=UH ᵻ=IH ᵊ=AH
aɪ=AY aʊ=AW eɪ=EY oʊ=OW əʊ=OW ɔɪ=OY ɔʏ=OY ɔø=OY aɪ̯=AY aʊ̯=AW A=EY I=AY O=OW Q=OW W=AW Y=OY
b=B ɓ=B p=P m=M ɱ=M β=V ɸ=F ʙ=B f=F v=V ʋ=V θ=TH ð=DH t=T d=D ʈ=T ɖ=D ɗ=D ɾ=D c=K ɟ=G k=K ɡ=G g=G q=K ɢ=G ʔ=
s=S z=Z ʃ=SH ʒ=ZH ɕ=SH ʑ=ZH ʂ=SH ʐ=ZH ç=HH ʝ=Y x=HH ɣ=G χ=HH h=HH ɦ=HH ħ=HH ʁ=G ʀ=G n=N ɲ=N ɳ=N ɴ=NG ŋ=NG l=L ɫ=L
ʎ=L ɮ=L ɬ=L ɭ=L r=R ɹ=R ɻ=R ɽ=R j=Y w=W ɥ=W ɰ=G ʤ=JH ʧ=CH tʃ=CH dʒ=JH tɕ=CH dʑ=JH tʂ=CH dʐ=JH
ʦ=T,S ʣ=D,Z ʨ=CH ʥ=JH pf=P,F
"""
_TABLE = {key: tuple(value.split(",")) if value else () for key, _, value in (r.partition("=") for r in _IPA.split())}
_LONGEST = max(map(len, _TABLE))


@cache
def phones_of_ipa(text: str) -> tuple[str, ...]:
    """Phones of a transcription in the IPA; characters that are no phone are passed over.

    >>> phones_of_ipa("mˈæp"), phones_of_ipa("t͡ʃaɪ"), phones_of_ipa("kʰø")
    (('M', 'AE', 'P'), ('CH', 'AY'), ('K', 'UH'))
    """
    plain = unicodedata.normalize("NFD", text)
    for whole in "çõãẽĩũ":  # the only letters whose mark makes another letter; nasal vowels lose theirs
        plain = plain.replace(unicodedata.normalize("NFD", whole), whole if whole == "ç" else whole[0])
    plain = "".join(c for c in plain if c in _TABLE or not unicodedata.combining(c))
    plain = "".join(c for c in plain if c in _TABLE or c == " ")
    out: list[str] = []
    at = 0
    while at < len(plain):
        size = next((n for n in range(_LONGEST, 0, -1) if plain[at : at + n] in _TABLE), 0)
        if size:
            out += _TABLE[plain[at : at + size]]
        at += max(size, 1)
    return tuple(out)


def is_ipa(text: str) -> bool:
    """Whether a text has a letter of the IPA that is known, also one that lips do not show.

    >>> is_ipa("kʰ"), is_ipa("ʔ"), is_ipa("?!")
    (True, True, False)
    """
    return any(c in _TABLE for c in unicodedata.normalize("NFD", text))
