"""FBX (binary, 7.4): the avatar with its animation, for Unity, Unreal, Maya, MotionBuilder and Blender.

Written: the joints as ``motion.formats.fbx_writer`` writes them, a skinned mesh with its bind pose, normals, vertex
colours, a material for each of its main colours, and 52 ARKit shapes with animated weights.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..core.errors import UserError
from ..motion.eyes import with_turned_eyes
from ..motion.face_shapes import ARKIT_INDEX
from ..motion.formats import Format
from ..motion.formats.fbx import load_fbx
from ..motion.formats.fbx_binary import Record
from ..motion.formats.fbx_writer import FbxWriter, Space, add_property, add_skeleton, add_triple, columns
from ..motion.motion import Motion
from ..motion.retarget import on_canonical, to_rig
from .body import Body, BodyLike, ColoursLike, chosen_body
from .light import srgb_to_linear
from .rigging import RiggedBody, rigged, unit_normals

_MATERIALS = 10  # main colours that become materials [D]
_ROUNDS = 8  # of looking for them
_PERCENT = 100.0  # FBX's weight of a shape that is fully there


def save_fbx(
    motion: Motion,
    path: str | Path,
    *,
    up: str = "y",
    unit: str | float = "cm",
    level: int = 0,
    mesh: bool = True,
    twist: bool = True,
    rig: str | None = None,
    name: str = "gesture",
    body: BodyLike | None = None,
    colours: ColoursLike | None = None,
) -> Path:
    """Write the avatar in motion. Other rigs are retargeted to it; without a mesh every rig stays itself.

    Args:
        motion: what to write.
        path: the file; it appears whole or not at all.
        up: "y" (Unity, Maya, MotionBuilder) or "z" (Unreal, 3ds Max).
        unit: "cm" (what tools expect), "m", another name of ``bvh.UNITS``, or metres a unit.
        level, mesh, twist, rig, name, body, colours: as of ``glb.save_glb``.

    Raises:
        UserError: a motion without frames, an unknown rig, unit or axis, or a file that cannot be written.
    """
    if motion.frames == 0:
        raise UserError("the motion has no frames; nothing to write")
    space = Space.of(up, unit)
    if not mesh:
        motion = with_turned_eyes(motion)
        motion = motion if rig is None else to_rig(on_canonical(motion), rig)
        writer = FbxWriter(motion, space, name)
        add_skeleton(writer, motion)
        return writer.save(Path(path))
    person = rigged(motion, chosen_body(body, colours, level), twist=twist, rig=rig)
    writer = FbxWriter(person.motion, space, name)
    bones, rest = add_skeleton(writer, person.motion, helpers=person.helpers)
    node, _ = writer.model("body", "Mesh", 0)
    geometry = _add_geometry(writer, person.body, node)
    _add_skin(writer, person, geometry, bones, rest)
    if person.body.morphs.names:
        _add_shapes(writer, person, geometry)
    writer.bind_pose([node, *bones], np.concatenate([np.eye(4)[None], rest]))
    return writer.save(Path(path))


def _add_geometry(writer: FbxWriter, body: Body, node: int) -> int:
    """The mesh below its node, with normals, colours and materials; its identity."""
    geometry = writer.object("Geometry", "body", "Geometry", "Mesh")
    record = writer.last
    triangles = np.asarray(body.triangles, np.int32)
    polygons = triangles.copy()
    polygons[:, -1] = ~polygons[:, -1]  # marks the last corner of a polygon
    corners = triangles.reshape(-1)
    record.add("Vertices", writer.space.points(body.vertices).reshape(-1))
    record.add("PolygonVertexIndex", polygons.reshape(-1))
    record.add("GeometryVersion", 124)
    normals = unit_normals(body).astype(np.float64) @ writer.space.turn.T
    layer = _layer(record, "Normal", "ByPolygonVertex", "Direct")
    layer.add("Normals", normals[corners].reshape(-1))
    colours = getattr(body, "baked_colours", body.colours)
    layer = _layer(record, "Color", "ByPolygonVertex", "IndexToDirect")
    layer.add("Colors", np.concatenate([colours, np.ones((len(body), 1))], axis=1).astype(np.float64).reshape(-1))
    layer.add("ColorIndex", corners)
    mains, of_face = main_colours(body)
    layer = _layer(record, "Material", "ByPolygon", "IndexToDirect")
    layer.add("Materials", of_face.astype(np.int32))
    layers = record.add("Layer", 0)
    layers.add("Version", 100)
    for kind in ("Normal", "Material", "Color"):
        element = layers.add("LayerElement")
        element.add("Type", f"LayerElement{kind}")
        element.add("TypedIndex", 0)
    writer.connect(geometry, node)
    for index, colour in enumerate(srgb_to_linear(mains)):
        material = writer.object("Material", f"body_{index + 1}", "Material", "")
        record = writer.last
        record.add("Version", 102)
        record.add("ShadingModel", "lambert")
        record.add("MultiLayer", 0)
        properties = record.add("Properties70")
        add_triple(properties, "DiffuseColor", colour, kind="Color")
        add_property(properties, "DiffuseFactor", "Number", "", "A", 1.0)
        writer.connect(material, node)
    return geometry


def _layer(record: Record, kind: str, mapping: str, reference: str) -> Record:
    layer = record.add(f"LayerElement{kind}", 0)
    layer.add("Version", 101)
    layer.add("Name", "")
    layer.add("MappingInformationType", mapping)
    layer.add("ReferenceInformationType", reference)
    return layer


def main_colours(body: Body) -> tuple[np.ndarray, np.ndarray]:
    """The main colours of a body, and which one each triangle has.

    Returns:
        [K, 3] sRGB 0 to 1, and [F] indices into them: k-means of the triangles' mean colours, begun with those
        that are furthest apart.
    """
    faces = np.asarray(body.colours, np.float64)[body.triangles].mean(1)
    colours = [faces.mean(0)]
    while len(colours) < _MATERIALS:
        distance = np.min([((faces - colour) ** 2).sum(1) for colour in colours], axis=0)
        if distance.max() < 1e-4:
            break
        colours.append(faces[distance.argmax()])
    mains = np.array(colours)
    for _ in range(_ROUNDS):
        nearest = ((faces[:, None] - mains) ** 2).sum(-1).argmin(1)
        used = np.unique(nearest)
        mains = np.array([faces[nearest == index].mean(0) for index in used])
    return mains, np.searchsorted(used, nearest)


def _add_skin(writer: FbxWriter, person: RiggedBody, geometry: int, bones: list[int], rest: np.ndarray) -> None:
    """Bind the mesh to the joints, whose world matrices at rest are [J, 4, 4]."""
    skin = writer.object("Deformer", "", "Deformer", "Skin")
    writer.last.add("Version", 101)
    writer.last.add("Link_DeformAcuracy", 50.0)  # spelt so in the format
    writer.connect(skin, geometry)
    for joint, bone in enumerate(bones):
        vertices, slots = np.nonzero((person.joints == joint) & (person.weights > 0))
        cluster = writer.object("Deformer", person.motion.skeleton.names[joint], "SubDeformer", "Cluster")
        record = writer.last
        record.add("Version", 100)
        record.add("UserData", "", "")
        if len(vertices):
            record.add("Indexes", vertices.astype(np.int32))
            record.add("Weights", person.weights[vertices, slots].astype(np.float64))
        record.add("Transform", columns(np.linalg.inv(rest[joint])))
        record.add("TransformLink", columns(rest[joint]))
        writer.connect(cluster, skin)
        writer.connect(bone, cluster)


def _add_shapes(writer: FbxWriter, person: RiggedBody, geometry: int) -> None:
    """The shapes of the face, each with its weight, which moves where the motion has a face."""
    morphs, face = person.body.morphs, person.motion.face
    deformer = writer.object("Deformer", "face", "Deformer", "BlendShape")
    writer.last.add("Version", 100)
    writer.connect(deformer, geometry)
    for name, vertices, deltas in zip(morphs.names, morphs.indices, morphs.deltas, strict=True):
        shape = writer.object("Geometry", name, "Geometry", "Shape")
        record = writer.last
        record.add("Version", 100)
        record.add("Indexes", np.asarray(vertices, np.int32))
        record.add("Vertices", writer.space.points(deltas).reshape(-1))
        record.add("Normals", np.zeros(3 * len(vertices)))  # some importers insist on them; normals stay
        channel = writer.object("Deformer", name, "SubDeformer", "BlendShapeChannel")
        record = writer.last
        record.add("Version", 100)
        record.add("DeformPercent", 0.0)
        record.add("FullWeights", np.array([_PERCENT]))
        writer.connect(channel, deformer)
        writer.connect(shape, channel)
        weights = None if face is None else face[:, ARKIT_INDEX[name]].astype(np.float64)
        if weights is not None and weights.any():
            writer.curve_node(channel, "DeformPercent", _PERCENT * weights[:, None], fields=("DeformPercent",))


FORMAT = Format(".fbx", "FBX: avatar with animation", load_fbx, save_fbx, face=True)
