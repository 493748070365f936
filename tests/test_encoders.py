"""Networks of transformers as encoders, on tiny ones with random weights: times, chunks, words, errors."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import chain, pairwise

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.speech.encoders.inputs import SpeechInputs, open_encoder
from cospeech.speech.encoders.settings import EncoderSettings, describe, read_encoders
from cospeech.speech.speech import Speech
from encoder_data import TEXT, hearing_network, noise, reading_network, save, spoken

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", reason="pip install 'cospeech[train]'")

from cospeech.speech.encoders import hub  # noqa: E402
from cospeech.speech.encoders.speech_encoder import SpeechEncoder  # noqa: E402
from cospeech.speech.encoders.word_encoder import WordEncoder  # noqa: E402


@pytest.fixture(scope="module")
def wavlm(tmp_path_factory):
    """As WavLM large: norms over channels, normalised sound."""
    return hearing_network(tmp_path_factory.mktemp("nets") / "wavlm-large")


@pytest.fixture(scope="module")
def hubert(tmp_path_factory):
    """As HuBERT base: a norm over time."""
    return hearing_network(tmp_path_factory.mktemp("nets") / "hubert-base", "hubert", norm="group")


@pytest.fixture(scope="module")
def roberta(tmp_path_factory):
    return reading_network(tmp_path_factory.mktemp("nets") / "roberta-base")


def hears(folder, layer="last", **options) -> SpeechEncoder:
    return SpeechEncoder(EncoderSettings(str(folder), layer, options.pop("precision", "float32")), **options)


def reads(folder, layer="last", **options) -> WordEncoder:
    return WordEncoder(EncoderSettings(str(folder), layer), **options)


def off(a: np.ndarray, b: np.ndarray) -> float:
    """Largest difference of two arrays, in standard deviations of the second."""
    assert a.shape == b.shape
    return float(np.abs(a - b).max() / b.std())


# ---------------------------------------------------------------------------- sound


@pytest.mark.parametrize("name", ["wavlm", "hubert"])
def test_states_are_those_of_the_network(name, request):
    folder, speech = request.getfixturevalue(name), noise(2.0, seed=3)
    network = transformers.AutoModel.from_pretrained(folder).eval()
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    heard = extractor(speech.samples, sampling_rate=16_000, return_tensors="pt").input_values
    with torch.inference_mode():
        output = network(heard, output_hidden_states=True)
    every = [state[0].numpy() for state in (*output.hidden_states[:3], output.last_hidden_state)]
    for layer, wanted in {
        "last": every[3],
        "3": every[3],
        "1": every[1],
        "0": every[0],
        "mean:1": every[3],
        "mean:3": np.mean(every[1:], 0),
    }.items():
        encoder = hears(folder, layer)
        found = encoder.states(speech)
        assert found.shape == (99, 32)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, atol=2e-5, err_msg=layer)
        np.testing.assert_array_equal(found, encoder.states(speech))  # nothing is drawn
        assert encoder.encode(speech).shape == (60, 32)
        assert (encoder.settings.width, encoder.settings.layer) == (32, layer)


def test_sound_is_normalised_as_the_preprocessor_says(tmp_path):
    speech = noise(1.0)
    quieter = replace(speech, samples=speech.samples * 0.01)
    as_it_is = hears(hearing_network(tmp_path / "raw", unit=False))
    assert off(as_it_is.states(quieter), as_it_is.states(speech)) > 0.1
    even = hears(hearing_network(tmp_path / "unit", unit=True))
    assert off(even.states(quieter), even.states(speech)) < 1e-3
    assert as_it_is.settings.weights != even.settings.weights  # the same numbers, heard otherwise
    (tmp_path / "raw" / "preprocessor_config.json").unlink()
    with pytest.raises(UserError, match=r"lacks preprocessor_config\.json, which says how sound is"):
        hears(tmp_path / "raw")


def test_sound_three_frames_later_is_three_frames_later(wavlm):
    """1600 samples are five steps and three frames, exactly."""
    encoder = hears(wavlm, "0")
    sound = noise(1.5).samples
    early = encoder.encode(Speech(np.pad(sound, (8000, 8000))))
    late = encoder.encode(Speech(np.pad(sound, (9600, 6400))))
    assert off(late[13:-10], early[10:-13]) < 1e-4
    assert off(late[10:-13], early[10:-13]) > 0.1


def test_a_click_is_where_it_is_heard(tmp_path):
    """The middle of what a click changes is the click, within a millisecond; steps begin 12.5 ms earlier.

    Convolutions that are even in time, and no positional one, change nothing but by sound.
    """
    folder = hearing_network(tmp_path / "even", norm="group", unit=False)
    network = transformers.AutoModel.from_pretrained(folder)
    with torch.no_grad():
        for layer in network.feature_extractor.conv_layers:
            layer.conv.weight.copy_(layer.conv.weight.abs().mean(-1, keepdim=True).expand_as(layer.conv.weight))
        for name, weight in network.encoder.pos_conv_embed.named_parameters():
            if "original0" in name or "bias" in name:
                weight.zero_()
    save(network, folder)
    encoder = hears(folder, "0")
    found = []
    for at in np.linspace(0.5, 1.5, 60, endpoint=False):
        samples = np.zeros(32_000, np.float32)
        samples[round(at * 16_000)] = 0.9
        rows = encoder.encode(Speech(samples))
        change = np.linalg.norm(rows - rows[:5].mean(0), axis=1)
        change[change < 0.05 * change.max()] = 0
        found.append((np.arange(60) / 30 * change).sum() / change.sum() - at)
    assert abs(np.mean(found)) < 1e-3
    assert np.abs(found).max() < 0.017  # half a frame


@pytest.mark.parametrize("name", ["wavlm", "hubert"])
@pytest.mark.parametrize("kind", ["local", "whole"])
def test_chunks_give_what_the_whole_gives(name, kind, request):
    """What no attention has mixed is the same everywhere; what it has (over less time), nearly."""
    folder, speech = request.getfixturevalue(name), noise(24.0, seed=5)
    layer, most = ("0", 1e-4) if kind == "local" else ("last", 0.03)
    whole = hears(folder, layer, core=100).states(speech)
    encoder = hears(folder, layer, core=4, context=3)
    lengths = []
    encoder._network.register_forward_hook(lambda *given: lengths.append(given[2].last_hidden_state.shape[1]))
    cut = encoder.states(speech)
    assert len(lengths) == 6
    assert max(lengths) <= 50 * 10
    assert off(cut, whole) < most
    assert off(hears(folder, layer, core=4, context=0).states(speech), whole) > 0.3  # what context is for
    if kind == "local" and name == "hubert":  # a norm over each chunk by itself would not do
        encoder._over_time = False
        assert off(encoder.states(speech), whole) > 30 * most


def test_bfloat16_is_near(wavlm):
    speech = noise(2.0)
    exact, rough = hears(wavlm), hears(wavlm, precision="bfloat16")
    found = rough.encode(speech)
    assert found.dtype == np.float32
    assert 0 < off(found, exact.encode(speech)) < 0.25
    assert rough.settings == replace(exact.settings, precision="bfloat16")


def test_any_rate_and_any_length(wavlm):
    encoder, speech = hears(wavlm), noise(1.0)
    for count in (10, 399, 400, 1000):
        short = Speech(speech.samples[:count])
        assert encoder.encode(short).shape == (short.frames, 32)
    fast = Speech(np.repeat(speech.samples, 3), sample_rate=48_000)
    assert encoder.encode(fast).shape == (30, 32)
    assert encoder.encode(Speech(np.zeros(16_000, np.float32))).shape == (30, 32)


# ---------------------------------------------------------------------------- words


def test_vectors_are_those_of_the_network(roberta):
    speech = noise(8.0, words=spoken("The quick brown fox jumps"))
    network = transformers.AutoModel.from_pretrained(roberta).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(roberta)
    parts = [tokenizer(f" {word.text}", add_special_tokens=False)["input_ids"] for word in speech.words]
    assert max(len(part) for part in parts) > 1
    line = [0, *chain.from_iterable(parts), 2]
    with torch.inference_mode():
        states = network(torch.tensor([line])).last_hidden_state[0].numpy()
    ends = 1 + np.cumsum([0, *map(len, parts)])
    wanted = [states[a:b].mean(0) for a, b in pairwise(ends)]
    encoder = reads(roberta)
    found = encoder.states(speech)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert tokenizer(" The quick brown fox jumps")["input_ids"] == line  # as it reads the sentence
    rows = encoder.encode(speech)
    assert rows.shape == (240, 24)
    np.testing.assert_array_equal(rows[3:12], np.repeat(found[:1], 9, 0))  # 0.1 to 0.4 s
    np.testing.assert_array_equal(rows[15:24], np.repeat(found[1:2], 9, 0))
    assert not rows[:3].any()
    assert not rows[12:15].any()
    assert not rows[63:].any()


def test_a_word_is_read_among_the_others(roberta):
    encoder = reads(roberta)
    one, other = (noise(4.0, words=spoken(text)) for text in ("a lazy dog", "a quick dog"))
    assert off(encoder.states(one)[2], encoder.states(other)[2]) > 0.01
    assert encoder.states(noise(1.0)).shape == (0, 24)
    assert not encoder.encode(noise(1.0)).any()
    gap = spoken("one two three")
    gap = (gap[0], replace(gap[1], text=" "), gap[2])
    blank = encoder.states(noise(2.0, words=gap))
    assert not blank[1].any()
    assert blank[0].any()


def test_a_long_transcript_is_read_in_windows(tmp_path):
    folder = reading_network(tmp_path / "short", positions=66)
    text = " ".join([TEXT] * 12)
    speech = noise(90.0, words=spoken(text, seconds=0.2, gap=0.1))
    encoder = reads(folder)
    lengths = []
    encoder._network.register_forward_hook(lambda *given: lengths.append(given[2].last_hidden_state.shape[1]))
    found = encoder.states(speech)
    assert len(lengths) > 5
    assert max(lengths) <= 64
    assert np.abs(found).max(1).min() > 0  # every word has been read
    nearer = reads(folder, longest=24).states(speech)
    assert off(nearer[:4], found[:4]) > 0  # with less around it


def test_a_word_longer_than_the_network_can_read(tmp_path):
    folder = reading_network(tmp_path / "short", positions=18)
    speech = noise(4.0, words=spoken("x" * 400 + " a " + "y" * 30))
    assert np.isfinite(reads(folder).encode(speech)).all()


# ---------------------------------------------------------------------------- opening


def test_a_checkpoint_with_a_head_is_the_same_encoder(tmp_path):
    bare = hears(hearing_network(tmp_path / "a", "hubert")).settings
    head = hearing_network(tmp_path / "b", "hubert", head=True)
    network = transformers.AutoModelForCTC.from_pretrained(head)
    network.hubert.load_state_dict(transformers.AutoModel.from_pretrained(tmp_path / "a").state_dict())
    save(network, head)
    assert hears(head).settings.weights == bare.weights
    assert hears(hearing_network(tmp_path / "c", "hubert", seed=1)).settings.weights != bare.weights
    reads(reading_network(tmp_path / "d", head=True))


@pytest.mark.parametrize("kind", ["wavlm", "hubert"])
def test_a_checkpoint_as_the_hub_has_it(tmp_path, kind):
    """The published ones are pytorch_model.bin, and name the parts of a weight norm in the old way."""
    from safetensors.torch import load_file

    folder = hearing_network(tmp_path / "net", kind, head=True)
    new, speech = hears(folder), noise(1.0)
    wanted = new.encode(speech)
    weights = load_file(folder / "model.safetensors")
    for old, name in (("weight_g", "original0"), ("weight_v", "original1")):
        (full,) = (key for key in weights if key.endswith(f"parametrizations.weight.{name}"))
        weights[full.replace(f"parametrizations.weight.{name}", old)] = weights.pop(full)
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    again = hears(folder)
    np.testing.assert_allclose(again.encode(speech), wanted, atol=1e-6)
    assert again.settings == new.settings


def test_what_a_model_learned_with_is_found_again(wavlm, roberta, tmp_path):
    speech = noise(2.0, words=spoken("the quick fox"))
    own = {"speech_encoding": hears(wavlm, "mean:2"), "words": reads(roberta)}
    config = {"encoders": json.loads(json.dumps(describe(own)))}
    rows = SpeechInputs.of_model(config, tmp_path)(speech)
    assert rows.shape == (60, 48 + 32 + 24)
    np.testing.assert_array_equal(rows[:, 48:80], own["speech_encoding"].encode(speech))
    np.testing.assert_array_equal(rows[:, 80:], own["words"].encode(speech))
    for kind, folder in (("speech_encoding", wavlm), ("words", roberta)):
        shutil.copytree(folder, tmp_path / "model" / folder.name)
        config["encoders"][kind]["name"] = f"somebody/{folder.name}"  # a name, and its files in the model
    np.testing.assert_array_equal(SpeechInputs.of_model(config, tmp_path / "model")(speech), rows)
    shutil.rmtree(tmp_path / "model" / wavlm.name)
    hearing_network(tmp_path / "model" / wavlm.name, seed=7)
    with pytest.raises(UserError, match="so give it that one"):
        SpeechInputs.of_model(config, tmp_path / "model")(speech)
    shutil.rmtree(tmp_path / "model" / wavlm.name)
    config["encoders"]["speech_encoding"]["name"] = "elsewhere/on/a/disk"
    with pytest.raises(UserError, match=r"no folder elsewhere/on/a/disk; .* may also lie in .*model/disk, as"):
        SpeechInputs.of_model(config, tmp_path / "model")(speech)


def test_a_layer_that_is_not_there(wavlm, roberta):
    for layer in ("4", "mean:5"):
        with pytest.raises(UserError, match=r"has 3 blocks and no layer .* 0 to 3, or mean:1 to mean:4"):
            hears(wavlm, layer)
    hears(wavlm, "mean:4")
    with pytest.raises(UserError, match="has 2 blocks and no layer 3"):
        reads(roberta, "3")


def test_a_network_of_the_other_kind(wavlm, roberta):
    with pytest.raises(UserError, match="the kind 'roberta', which hears no samples as they are; give a WavLM"):
        open_encoder("speech_encoding", roberta)
    with pytest.raises(UserError, match="the kind 'wavlm', which does not read words alone; give a RoBERTa"):
        open_encoder("words", wavlm)
    with pytest.raises(UserError, match="no encoder is of the kind 'smell'"):
        open_encoder("smell", wavlm)


def damage(folder, file: str, text: bytes) -> None:
    (folder / file).write_bytes(text)


def test_folders_that_cannot_be_used(wavlm, tmp_path):
    with pytest.raises(UserError, match=r"no folder .*none/of/this; give one, or a name of Hugging Face"):
        open_encoder("speech_encoding", tmp_path / "none/of/this")
    (tmp_path / "void").mkdir()
    for number, (file, text) in enumerate(
        [("config.json", b"{}"), ("config.json", b"{"), ("model.safetensors", b"short"), ("", b"")]
    ):
        folder = tmp_path / "void"
        if file:
            folder = shutil.copytree(wavlm, tmp_path / str(number))
            damage(folder, file, text)
        with pytest.raises(UserError, match="is no folder of a pretrained network") as caught:
            open_encoder("speech_encoding", folder)
        assert "\n" not in str(caught.value)


def test_weights_that_are_missing(wavlm, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(wavlm, tmp_path / "part")
    weights = load_file(folder / "model.safetensors")
    for name in [name for name in weights if "layers.1.feed_forward" in name]:
        del weights[name]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"lacks 4 weights, as encoder.layers.1.feed_forward"):
        open_encoder("speech_encoding", folder)


def test_no_network_is_one_line_that_says_what_to_do(monkeypatch):
    def refuse(*_, **__):
        raise ConnectionRefusedError

    monkeypatch.setattr(hub.socket, "create_connection", refuse)
    monkeypatch.setattr(hub.urllib.request, "getproxies", dict)
    with pytest.raises(UserError) as caught:
        open_encoder("speech_encoding", "cospeech-tests/no-such-network")
    assert str(caught.value) == (
        "cospeech-tests/no-such-network is no folder and not in the cache of Hugging Face, which is out of "
        "reach; check the name, or run `hf download cospeech-tests/no-such-network --local-dir FOLDER` where "
        "there is a network and give that folder"
    )


@pytest.mark.slow
def test_the_command_line_without_a_network(tmp_path):
    """In a program of its own: one line and nothing of what the libraries would say."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "cospeech",
            "prepare",
            f"folder={tmp_path}",
            "-o",
            str(tmp_path / "store"),
            "--word-encoder",
            "cospeech-tests/no-such-network",
        ],
        capture_output=True,
        text=True,
        env={
            "HF_ENDPOINT": "http://127.0.0.1:9",
            "HOME": str(tmp_path),
            "PYTHONPATH": ":".join(sys.path),
            "PATH": "/usr/bin:/bin",
        },
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr
    assert "out of reach; check the name" in done.stderr


def test_settings_of_what_was_opened(roberta):
    own = reads(roberta)
    assert read_encoders(describe({"words": own}), "x") == {"words": own.settings}
    assert own.settings.width == 24
    assert len(own.settings.weights) == 8
