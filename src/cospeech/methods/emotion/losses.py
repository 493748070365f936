"""What the generator of EmotionGesture is trained for."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from .network import Discriminator, EmotionConfig, Generator
from .vae import divergence

SMOOTHED = 8  # samples of a batch whose poses are compared: decoding costs as much as the generator [D]


def motion_smooth(generated: Tensor, real: Tensor, *, temperature: float = 10.0, squared: bool = False) -> Tensor:
    """The motion-smooth loss (EmotionGesture, section 3.4): KL of softened motion offsets.

    With m_t = g_t+1 - g_t: mean over t of KL(softmax(m_t / G) || softmax(m^_t / G)) over the dimensions.

    What it does: for offsets that are small beside G it is the variance over dimensions of m - m^, halved
    and divided by G^2; so it compares velocities and softens nothing. Where an offset is as large as G, as
    jitter is in degrees or pixels, the softmax bounds it.

    Args:
        generated, real: poses [B, T, C].
        temperature: G.
        squared: times G^2, so that the temperature does not change the loss's weight. [D]
    """
    p = torch.log_softmax(real.diff(dim=1) / temperature, -1)
    q = torch.log_softmax(generated.diff(dim=1) / temperature, -1)
    loss = (p.exp() * (p - q)).sum(-1).mean()
    return loss * temperature**2 if squared else loss


class TrainedEmotion(nn.Module):
    """Generator and discriminator as the training loop sees them: a batch in, all terms out.

    One optimizer trains both. What teaches the generator passes through the discriminator's weights as
    constants, and what teaches the discriminator has no way back into the generator.
    """

    synthesis: Tensor
    bias: Tensor

    def __init__(
        self, config: EmotionConfig, *, latents: tuple[Tensor, Tensor] | None = None, synthesis: nn.Conv1d | None = None
    ) -> None:
        """synthesis: the tokenizer's linear decoder, through which poses are compared; None: not at all."""
        super().__init__()
        self.config = c = config
        self.generator = Generator(config, latents=latents)
        if c.discriminator:
            self.discriminator = Discriminator(c.latent, c.emotions + c.styles)
        self.linear = [synthesis] if synthesis is not None else []  # a list: its weights are not trained

    def poses(self, x: Tensor) -> Tensor:
        """Scaled latents [B, N, D] -> poses [B, T, C] in deviations, by the linear decoder alone."""
        z = self.generator.unscaled(x).transpose(1, 2)
        return self.linear[0](z).transpose(1, 2).reshape(len(x), -1, self.config.channels)

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Named terms, see ``emotion_loss``."""
        c, net = self.config, self.generator
        x, size = net.scaled(batch["latent"]), len(batch["latent"])
        target = x[:, c.given :]
        prompt = x[:, : c.given] + c.prompt_noise * torch.randn_like(x[:, : c.given]) * self.training
        conditions = [batch["emotion"], batch["style"], batch["intensity"]]
        if self.training:
            conditions = [v * (torch.rand(size, 1, device=x.device) >= c.drop_condition) for v in conditions]
        emotion = conditions[0][:, None].expand(-1, x.shape[1], -1)
        arguments = (emotion, conditions[1], conditions[2])
        terms: dict[str, Tensor] = {}
        latents = batch["voice"]
        if c.vae:
            voice, weights = batch["voice"][:, c.given :], emotion[:, c.given :]
            mean, log = net.vae.posterior(target, voice, weights)
            latents = mean + log.exp() * torch.randn_like(mean) * (1.0 if self.training else 0.0)
            terms["kl"] = divergence(mean.float(), log.float()).mean()
        generated = net(prompt, batch["beat"], latents, *arguments).float()
        there = batch["valid"][:, c.given :, None].float()
        terms |= self._regression_terms(generated, target, prompt, there, batch["pose"])
        if c.discriminator:
            terms |= self._adversarial_terms(generated, prompt, target, batch)
            if generated.requires_grad:
                regression = terms["regression"] + terms["velocity"]
                terms["adversarial"] = terms["adversarial"] * _balance(regression, terms["adversarial"], generated)
        return terms

    def _regression_terms(
        self, generated: Tensor, target: Tensor, prompt: Tensor, there: Tensor, pose: Tensor
    ) -> dict[str, Tensor]:
        c, total = self.config, there.sum().clamp_min(1) * generated.shape[-1]
        with torch.autocast(generated.device.type, enabled=False):
            last = prompt[:, -1:].float()
            u = torch.cat([last, target], 1).diff(dim=1)
            v = torch.cat([last, generated], 1).diff(dim=1)
            terms = {
                "regression": (F.smooth_l1_loss(generated, target, reduction="none", beta=0.5) * there).sum() / total,
                "velocity": (F.smooth_l1_loss(v, u, reduction="none", beta=0.2) * there).sum() / total,
            }
            if c.smooth and self.linear:
                terms["smooth"] = motion_smooth(
                    self.poses(generated[:SMOOTHED]), pose[:SMOOTHED], temperature=c.temperature, squared=c.squared
                )
        return terms

    def _adversarial_terms(
        self, generated: Tensor, prompt: Tensor, target: Tensor, batch: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Hinge losses of both sides [D]; the step from the prompt to the first new pose counts as well."""
        condition = torch.cat([batch["emotion"], batch["style"]], -1)
        last = prompt[:, -1:]
        real = torch.cat([last, target], 1).diff(dim=1)
        fake = torch.cat([last, generated], 1).diff(dim=1)
        constants = {name: p.detach() for name, p in self.discriminator.named_parameters()}
        convinced = functional_call(self.discriminator, constants, (fake, condition)).float()
        right = self.discriminator(real, condition).float()
        wrong = self.discriminator(fake.detach(), condition).float()
        return {"adversarial": -convinced.mean(), "discriminator": F.relu(1 - right).mean() + F.relu(1 + wrong).mean()}


def emotion_loss(model: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """All terms, weighted.

    Args:
        model: a TrainedEmotion or its distributed wrapper.
        batch: latent [B, L + N, D] of the tokenizer, pose [B, 4 N, C] in deviations, beat and voice
            [B, L + N, E], emotion [B, 10], style [B, S], intensity [B, 2], valid [B, L + N] bool, warm [] the
            share of the weights of KL and discriminator that counts by now.
    """
    terms = model(batch)
    c: EmotionConfig = getattr(model, "module", model).config  # type: ignore[assignment]
    warm = batch["warm"]
    loss = c.regression * terms["regression"] + c.velocity * terms["velocity"]
    if "kl" in terms:
        loss = loss + warm * c.kl * terms["kl"]
    if "smooth" in terms:
        loss = loss + c.smooth * terms["smooth"]
    if "adversarial" in terms:
        # The discriminator's own weight says nothing to Adam; a small one keeps it out of the clipping.
        loss = loss + warm * c.adversarial * terms["adversarial"] + 0.01 * terms["discriminator"]
    return loss, terms


def _balance(regression: Tensor, adversarial: Tensor, generated: Tensor) -> Tensor:
    """How much weaker the slope of one loss is than that of the other, at what was generated.

    Esser et al. 2021 (VQGAN), equation 7: then a weight of 1 lets both pull alike, whatever the
    discriminator's scale.
    """
    one, other = (torch.autograd.grad(v, generated, retain_graph=True)[0].norm() for v in (regression, adversarial))
    return (one / (other + 1e-8)).detach().clamp(max=1e3)
