"""From FBX to glTF, in the process that ``fbx`` starts for it.

The binding ufbx 0.0.5 does not count a reference when it gives an element out of a list or of a pose, so that dropping
it may crash. Here everything that comes out of one is kept, and the process ends without freeing it.
"""

from __future__ import annotations

import gc
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.limits import limit
from ...core.timing import FrameSeries, standard_rate
from .fbx_writer import HELPER
from .glb import Channels
from .gltf import INDICES, VERTICES, GltfWriter

_MOST_VALUES = 40_000_000  # sampled transforms
_SAME = 1e-6  # of a transform that does not move
_AGREE = 1e-3  # metres: bind poses of one skin that differ less count as one
_UNEVEN = 0.02  # of a step between keys
_DIGITS = 5  # of normals and texture coordinates that count as one
_INFLUENCES = 4
_PICTURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_MEMORY = 2 << 30  # bytes of address space, of which the interpreter with its libraries takes most
_EXPANSION = 60  # further bytes for each byte of a file, whose arrays are compressed
_kept: list[Any] = []  # what must never be freed


@dataclass(frozen=True)
class FbxTask:
    """What to read: a file, and whether with the surfaces of its meshes."""

    path: str
    meshes: bool


class FbxFault(Exception):
    """A file that cannot be read; the message says why."""


@dataclass(frozen=True)
class _Frames(FrameSeries):
    count: int
    fps: float

    def __len__(self) -> int:
        return self.count


def gltf_contents(task: FbxTask) -> tuple[dict[str, Any], bytes]:
    """JSON and binary chunk of a glTF file that is the FBX file. Raises FbxFault."""
    import ufbx

    gc.disable()
    _limit_memory(Path(task.path).stat().st_size)
    try:
        scene = ufbx.load_file(
            task.path,
            target_axes=ufbx.axes_right_handed_y_up,
            target_unit_meters=1.0,
            space_conversion=ufbx.SpaceConversion.MODIFY_GEOMETRY,
            geometry_transform_handling=ufbx.GeometryTransformHandling.MODIFY_GEOMETRY,
            inherit_mode_handling=ufbx.InheritModeHandling.HELPER_NODES,
            generate_missing_normals=task.meshes,
            ignore_embedded=not task.meshes,
        )
        _kept.append(scene)
        return _Converter(scene, Path(task.path), task.meshes).contents()
    except ufbx.UfbxError as error:
        raise FbxFault(f"not readable as FBX ({' '.join(str(error).split())}); damaged") from error
    except MemoryError as error:
        raise FbxFault("takes more memory than a file of its size should; damaged") from error
    except (LookupError, ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        raise FbxFault(f"not a well-formed FBX file ({type(error).__name__}: {error}); damaged") from error


def _limit_memory(size: int) -> None:
    """Let this process take no more than a file of so many bytes can need, where the system can see to that."""
    try:
        import resource
    except ImportError:  # Windows
        return
    most = _MEMORY + _EXPANSION * size
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


class _Converter:
    """One scene, its elements fetched once."""

    def __init__(self, scene: Any, path: Path, meshes: bool) -> None:
        self.path, self.with_meshes = path, meshes
        self.settings_fps = float(scene.settings.frames_per_second)
        self.nodes = _fetched(scene.nodes)
        self.meshes = _fetched(scene.meshes)
        self.stacks = _fetched(scene.anim_stacks)
        self.poses = _fetched(scene.poses)
        self.materials = _fetched(scene.materials)
        self.writer = GltfWriter()
        self.place: dict[int, int] = {}  # typed id of a node -> its index in the document
        self.skins = {mesh.typed_id: _fetched(mesh.skin_deformers) for mesh in self.meshes}
        self.clusters = {
            mesh: [cluster for skin in skins for cluster in _fetched(skin.clusters) if cluster.bone_node is not None]
            for mesh, skins in self.skins.items()
        }
        self.channels = {
            mesh.typed_id: [channel for blend in _fetched(mesh.blend_deformers) for channel in _fetched(blend.channels)]
            for mesh in self.meshes
        }
        self.shaped: list[tuple[int, list[Any]]] = []  # node in the document, channels of its mesh

    def contents(self) -> tuple[dict[str, Any], bytes]:
        """See ``gltf_contents``."""
        self._add_nodes()
        joints, bind = self._bind_pose()
        if joints:
            self.add_skin(joints, np.linalg.inv(bind))
        converter = _Surfaces(self) if self.with_meshes else None
        for node in self.nodes:
            mesh = node.mesh
            if mesh is None or node.is_root:
                continue
            channels = self.channels[mesh.typed_id]
            if converter is not None:
                converter.add(mesh, node, joints, bind)
            elif channels:
                self._add_shapes_alone(node, channels)
            if channels:
                self.shaped.append((self.place[node.typed_id], channels))
        for stack in self.stacks:
            self._add_animation(stack)
        return self.writer.contents()

    def _add_nodes(self) -> None:
        for node in self.nodes:
            if not node.is_root:
                self.place[node.typed_id] = self.writer.node(name=node.name, **_transform(node.local_transform))
        import ufbx

        entries = self.writer.document["nodes"]
        for node in self.nodes:
            if node.is_root:
                continue
            if ufbx.find_bool(node.props, HELPER, False):
                entries[self.place[node.typed_id]]["extras"] = {HELPER: True}
            parent = node.parent
            if parent is None or parent.is_root:
                self.writer.document["scenes"][0]["nodes"].append(self.place[node.typed_id])
            else:
                above = entries[self.place[parent.typed_id]]
                above.setdefault("children", []).append(self.place[node.typed_id])

    def _bind_pose(self) -> tuple[list[int], np.ndarray]:
        """Typed ids of the joints, and their world matrices [J, 4, 4] when the skin was bound."""
        bind = self._bound_joints()
        joints = [n for n in self.nodes if not n.is_root and (n.bone is not None or n.typed_id in bind)]
        for node in joints:  # the library has them from the root outwards
            own = bind.get(node.typed_id)
            if own is None or not np.isfinite(own).all() or abs(np.linalg.det(own)) < 1e-12:
                bind[node.typed_id] = self._carried(node, bind)
        ids = [node.typed_id for node in sorted(joints, key=lambda node: node.element_id)]  # in the file's order
        return ids, np.array([bind[joint] for joint in ids]).reshape(-1, 4, 4)

    def _bound_joints(self) -> dict[int, np.ndarray]:
        """World matrices [4, 4] by typed id of the joints that a skin or a bind pose names."""
        bind: dict[int, np.ndarray] = {}
        for clusters in sorted(self.clusters.values(), key=len, reverse=True):
            for cluster in clusters:
                bind.setdefault(cluster.bone_node.typed_id, _matrix(cluster.bind_to_world))
        for entry in (e for pose in self.poses if pose.is_bind_pose for e in _fetched(pose.bone_poses)):
            (node,) = _fetched([entry.bone_node])
            if node is not None and node.bone is not None:
                bind.setdefault(node.typed_id, _matrix(entry.bone_to_world))
        return bind

    def _carried(self, node: Any, bind: dict[int, np.ndarray]) -> np.ndarray:
        """The bind matrix of a joint that nothing binds: as it stands against the nearest joint above it."""
        world = _matrix(node.node_to_world)
        if abs(np.linalg.det(world)) < 1e-12:
            raise FbxFault(f"the joint {node.name[:60]!r} has no size; damaged")
        above = node.parent
        while above is not None and above.typed_id not in bind:
            above = above.parent
        if above is None:
            return world
        at_rest = _matrix(above.node_to_world)
        if abs(np.linalg.det(at_rest)) < 1e-12:
            return world
        carried: np.ndarray = bind[above.typed_id] @ np.linalg.inv(at_rest) @ world
        return carried

    def add_skin(self, joints: list[int], inverse: np.ndarray) -> int:
        """A skin of joints (typed ids) with their inverse bind matrices [J, 4, 4]; its index."""
        matrices = np.ascontiguousarray(inverse.transpose(0, 2, 1)).reshape(-1, 16)
        skins = self.writer.document.setdefault("skins", [])
        skins.append(
            {
                "joints": [self.place[joint] for joint in joints],
                "inverseBindMatrices": self.writer.accessor(matrices.astype(np.float32), "MAT4"),
            }
        )
        return len(skins) - 1

    def _add_shapes_alone(self, node: Any, channels: list[Any]) -> None:
        """A mesh of no surface that holds the names of the shapes."""
        meshes = self.writer.document.setdefault("meshes", [])
        meshes.append({"primitives": [], "extras": {"targetNames": shape_names(channels)}})
        self.writer.document["nodes"][self.place[node.typed_id]]["mesh"] = len(meshes) - 1

    def _add_animation(self, stack: Any) -> None:
        anim, layers = stack.anim, _fetched(stack.layers)
        _kept.append(anim)
        curves = _curves(layers)
        if not curves:
            return
        begin, end = _span(stack, curves)
        fps = _key_rate(curves) or (self.settings_fps if 1 <= self.settings_fps <= 1000 else 30.0)
        if not 0 <= end - begin <= limit("seconds"):
            raise FbxFault(
                f"animation {stack.name[:60]!r} claims to last {end - begin:.0f} s; "
                f"{limit('seconds'):.0f} are allowed, give --limit seconds=NUMBER if it is meant so"
            )
        frames = int(np.floor((end - begin) * fps + 0.5)) + 1
        moving = [node for node in self.nodes if not node.is_root and _moves(node, layers)]
        if frames * max(len(moving), 1) > _MOST_VALUES:
            raise FbxFault(f"animation {stack.name[:60]!r} has {frames} frames of {len(moving)} nodes; cut it first")
        channels = Channels(self.writer, _Frames(frames, fps))
        times = begin + np.arange(frames) / fps
        for node in moving:
            _add_tracks(channels, self.place[node.typed_id], anim, node, times)
        for place, shapes in self.shaped:
            channels.shapes(place, _shape_weights(anim, shapes, times))
        channels.finish(stack.name or f"animation_{len(self.writer.document.get('animations', []))}")


class _Surfaces:
    """Meshes with what covers them."""

    def __init__(self, converter: _Converter) -> None:
        self.converter = converter
        self.writer = converter.writer
        self.images: dict[str, int] = {}
        self.materials = {material.typed_id: self._material(material) for material in converter.materials}

    def add(self, mesh: Any, node: Any, joints: list[int], bind: np.ndarray) -> None:
        """The mesh on its node of the document."""
        source = _Corners(mesh)
        if not len(source.triangles):
            return
        place, skin = np.eye(4), None
        clusters = self.converter.clusters[mesh.typed_id]
        if clusters:
            place, skin = self._bound(clusters, joints, bind)
        linear = place[:3, :3]
        points = source.points @ linear.T + place[:3, 3]
        normals = source.normals @ np.linalg.inv(linear)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        normals = np.where(np.abs(normals).max(1, keepdims=True) > 0.1, normals, [0.0, 1.0, 0.0])
        attributes = {
            "POSITION": self.writer.accessor(points.astype(np.float32), "VEC3", target=VERTICES, bounds=True),
            "NORMAL": self.writer.accessor(normals.astype(np.float32), "VEC3", target=VERTICES),
        }
        if source.coordinates is not None:
            attributes["TEXCOORD_0"] = self.writer.accessor(source.coordinates, "VEC2", target=VERTICES)
        if skin is not None:
            indices, weights = _influences(clusters, joints, source)
            attributes["JOINTS_0"] = self.writer.accessor(indices, "VEC4", target=VERTICES)
            attributes["WEIGHTS_0"] = self.writer.accessor(weights, "VEC4", target=VERTICES)
        channels = self.converter.channels[mesh.typed_id]
        targets = [self._target(channel, source, linear) for channel in channels]
        primitives = []
        materials = _fetched(node.materials)
        for number in np.unique(source.materials):
            triangles = source.triangles[source.materials == number].reshape(-1)
            primitive: dict[str, Any] = {
                "attributes": attributes,
                "indices": self.writer.accessor(triangles.astype(np.uint32), "SCALAR", target=INDICES),
            }
            if number < len(materials):
                primitive["material"] = self.materials[materials[number].typed_id]
            if targets:
                primitive["targets"] = targets
            primitives.append(primitive)
        entry: dict[str, Any] = {"name": mesh.name or node.name, "primitives": primitives}
        if targets:
            entry["weights"] = [float(channel.weight) for channel in channels]
            entry["extras"] = {"targetNames": shape_names(channels)}
        meshes = self.writer.document.setdefault("meshes", [])
        meshes.append(entry)
        owner = self.writer.document["nodes"][self.converter.place[node.typed_id]]
        owner["mesh"] = len(meshes) - 1
        if skin is not None:
            owner["skin"] = skin

    def _bound(self, clusters: list[Any], joints: list[int], bind: np.ndarray) -> tuple[np.ndarray, int]:
        """Where a mesh stood when it was bound [4, 4], and its skin; one of its own where its bind pose differs."""
        index = {joint: i for i, joint in enumerate(joints)}
        places = {
            index[cluster.bone_node.typed_id]: _matrix(cluster.geometry_to_bone)
            for cluster in clusters
            if cluster.bone_node.typed_id in index
        }
        worlds = np.array([bind[joint] @ matrix for joint, matrix in places.items()])
        if np.abs(worlds - worlds[0]).max() < _AGREE:
            return worlds[0], 0
        inverse = np.linalg.inv(bind)
        for joint, matrix in places.items():
            inverse[joint] = matrix
        return np.eye(4), self.converter.add_skin(joints, inverse)

    def _target(self, channel: Any, source: _Corners, linear: np.ndarray) -> dict[str, int]:
        moved = np.zeros((source.vertices, 3))
        shape = channel.target_shape
        if shape is not None:
            moved[np.array(shape.offset_vertices, dtype=np.int64)] = np.array(shape.position_offsets).reshape(-1, 3)
        deltas = (moved @ linear.T)[source.vertex]
        where = np.flatnonzero(np.abs(deltas).max(1) > 1e-7)
        return {"POSITION": self.writer.sparse(len(deltas), where, deltas[where])}

    def _material(self, material: Any) -> int:
        base = material.pbr.base_color
        colour = np.clip(np.array(base.value_vec4)[:3], 0.0, 1.0).tolist()
        surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 0.8}
        picture = self._picture(base.texture)
        if picture is None:
            surface["baseColorFactor"] = [*colour, 1.0]
        else:
            surface["baseColorTexture"] = {"index": picture}
        entry: dict[str, Any] = {"name": material.name, "pbrMetallicRoughness": surface}
        bumps = self._picture(material.pbr.normal_map.texture)
        if bumps is not None:
            entry["normalTexture"] = {"index": bumps}
        if material.pbr.opacity.texture is not None and picture is not None:  # hair and lashes on cards
            entry.update(alphaMode="MASK", doubleSided=True)
        materials = self.writer.document.setdefault("materials", [])
        materials.append(entry)
        return len(materials) - 1

    def _picture(self, texture: Any) -> int | None:
        """The glTF texture of a picture that is embedded or lies beside the file; None where it is missing."""
        if texture is None:
            return None
        name = Path(str(texture.filename or texture.relative_filename).replace("\\", "/")).name
        if name in self.images:
            return self.images[name]
        data = bytes(texture.content or b"") or self._beside(name)
        data, kind = _as_picture(data)
        if not data:
            return None
        images = self.writer.document.setdefault("images", [])
        textures = self.writer.document.setdefault("textures", [])
        images.append({"name": Path(name).stem, "bufferView": self.writer.bytes_view(data), "mimeType": kind})
        textures.append({"source": len(images) - 1})
        self.images[name] = len(textures) - 1
        return self.images[name]

    def _beside(self, name: str) -> bytes:
        """A picture in the folder of the file, or where tools unpack them; never from elsewhere."""
        folder = self.converter.path.parent
        for place in (folder, folder / f"{self.converter.path.stem}.fbm", folder / "textures", folder / "Textures"):
            if name and (place / name).is_file():
                return (place / name).read_bytes()
        return b""


class _Corners:
    """A mesh as glTF has it: corners that share all attributes are one vertex."""

    def __init__(self, mesh: Any) -> None:
        faces = np.array(mesh.faces, dtype=np.int64).reshape(-1, 2)
        materials = np.array(mesh.face_material, dtype=np.int64)
        vertex = np.array(mesh.vertex_indices, dtype=np.int64)
        self.vertices = int(mesh.num_vertices)
        normals, normal = _values(mesh.vertex_normal, 3, len(vertex))
        coordinates, coordinate = _values(mesh.vertex_uv, 2, len(vertex))
        keys = np.stack([vertex, normal, coordinate], axis=1)
        unique, of_corner = np.unique(keys, axis=0, return_inverse=True)
        of_corner = of_corner.reshape(-1)
        self.vertex = unique[:, 0]
        self.points = np.array(mesh.vertices).reshape(-1, 3)[self.vertex]
        self.normals = normals[unique[:, 1]]
        self.coordinates: np.ndarray | None = None
        if mesh.vertex_uv.exists:
            values = coordinates[unique[:, 2]]
            self.coordinates = np.stack([values[:, 0], 1.0 - values[:, 1]], axis=1).astype(np.float32)
        triangles, owners = _fans(faces)
        self.triangles = of_corner[triangles]
        self.materials = materials[owners] if len(materials) == len(faces) else np.zeros(len(owners), np.int64)


def _values(attribute: Any, width: int, corners: int) -> tuple[np.ndarray, np.ndarray]:
    """The different values [N, width] of an attribute, and which one each corner has; zeros where it is missing."""
    if not attribute.exists:
        return np.zeros((1, width)), np.zeros(corners, np.int64)
    values = np.array(attribute.values).reshape(-1, width)
    unique, index = np.unique(np.round(values, _DIGITS), axis=0, return_inverse=True)
    return unique, index.reshape(-1)[np.array(attribute.indices, dtype=np.int64)]


def _fans(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners [F, 3] of the triangles of polygons (first corner, number of corners), and the polygon of each."""
    counts = np.maximum(faces[:, 1] - 2, 0)
    owners = np.repeat(np.arange(len(faces)), counts)
    step = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    first = faces[owners, 0]
    return np.stack([first, first + step + 1, first + step + 2], axis=1), owners


def _influences(clusters: list[Any], joints: list[int], source: _Corners) -> tuple[np.ndarray, np.ndarray]:
    """The four strongest joints of every vertex [V, 4] and their weights, sum 1."""
    index = {joint: i for i, joint in enumerate(joints)}
    parts = [
        (np.array(cluster.vertices, dtype=np.int64), np.array(cluster.weights), index[cluster.bone_node.typed_id])
        for cluster in clusters
        if cluster.bone_node.typed_id in index
    ]
    vertices = np.concatenate([part[0] for part in parts])
    weights = np.concatenate([part[1] for part in parts])
    owners = np.concatenate([np.full(len(part[0]), part[2]) for part in parts])
    order = np.lexsort((-weights, vertices))
    vertices, weights, owners = vertices[order], weights[order], owners[order]
    first = np.searchsorted(vertices, vertices)
    rank = np.arange(len(vertices)) - first
    strong = (rank < _INFLUENCES) & (weights > 0)
    chosen = np.zeros((source.vertices, _INFLUENCES), np.uint16)
    shares = np.zeros((source.vertices, _INFLUENCES))
    chosen[vertices[strong], rank[strong]] = owners[strong]
    shares[vertices[strong], rank[strong]] = weights[strong]
    total = shares.sum(1, keepdims=True)
    shares = np.where(total > 0, shares / np.maximum(total, 1e-12), [1.0, 0.0, 0.0, 0.0])
    return chosen[source.vertex], shares[source.vertex].astype(np.float32)


def shape_names(channels: list[Any]) -> list[str]:
    """Names of shapes without what Maya puts before them ("face_shapes.jawOpen")."""
    return [str(channel.name).rpartition(".")[2] or str(channel.name) for channel in channels]


def _as_picture(data: bytes) -> tuple[bytes, str]:
    """A picture as PNG or JPEG, which glTF knows, and its kind; empty if it is none."""
    for magic, kind in _PICTURES.items():
        if data.startswith(magic):
            return data, kind
    if not data:
        return b"", ""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as picture:
            target = io.BytesIO()
            picture.convert("RGBA").save(target, "PNG")
    except (OSError, ValueError, Image.DecompressionBombError):
        return b"", ""
    return target.getvalue(), "image/png"


def _fetched(elements: Any) -> list[Any]:
    """All elements of a list of the library, each taken once and kept."""
    found = list(elements)
    _kept.append(found)
    return found


def _moves(node: Any, layers: list[Any]) -> bool:
    return any(len(layer.find_anim_props(node)) for layer in layers)


def _curves(layers: list[Any]) -> list[Any]:
    """The curves of an animation that have keys."""
    values = _fetched(value for layer in layers for value in _fetched(layer.anim_values))
    curves = _fetched(curve for value in values for curve in _fetched(value.curves))
    return [curve for curve in curves if curve is not None and len(curve.keyframes)]


def _add_tracks(channels: Channels, place: int, anim: Any, node: Any, times: np.ndarray) -> None:
    """Translation, rotation and, if it changes, scale of a node at all times."""
    import ufbx

    rows = [ufbx.evaluate_transform(anim, node, float(time)) for time in times]
    turns = np.array([row.rotation for row in rows])
    flips = np.cumprod(np.where((turns[1:] * turns[:-1]).sum(-1) < 0, -1.0, 1.0))
    turns[1:] *= flips[:, None]
    channels.add(place, "translation", np.array([row.translation for row in rows]), "VEC3", full=True)
    channels.add(place, "rotation", turns, "VEC4", full=True)
    scales = np.array([row.scale for row in rows])
    if np.abs(scales - scales[0]).max() > _SAME:
        channels.add(place, "scale", scales, "VEC3")


def _shape_weights(anim: Any, shapes: list[Any], times: np.ndarray) -> np.ndarray:
    """Weights [T, K] of the shapes of a mesh."""
    import ufbx

    return np.array([[ufbx.evaluate_blend_weight(anim, shape, float(time)) for shape in shapes] for time in times])


def _span(stack: Any, curves: list[Any]) -> tuple[float, float]:
    """Begin and end of an animation in seconds: its own, or else those of its curves."""
    begin, end = float(stack.time_begin), float(stack.time_end)
    if end <= begin:
        begin, end = min(curve.min_time for curve in curves), max(curve.max_time for curve in curves)
    return begin, end


def _key_rate(curves: list[Any]) -> float | None:
    """Frames a second of the curve with the most keys, where these are even."""
    densest = max(curves, key=lambda curve: len(curve.keyframes))
    times = np.array([key.time for key in _fetched(densest.keyframes)])
    if len(times) < 3:
        return None
    steps = np.diff(times)
    step = float(np.median(steps))
    if not step > 0 or not np.abs(steps - step).max() <= _UNEVEN * step or not 5 <= 1 / step <= 500:
        return None
    return standard_rate((len(times) - 1) / float(times[-1] - times[0]))


def _transform(transform: Any) -> dict[str, Any]:
    """Properties of a node of the document; those at rest are left out."""
    parts = {
        "translation": (list(transform.translation), [0.0, 0.0, 0.0]),
        "rotation": (list(transform.rotation), [0.0, 0.0, 0.0, 1.0]),
        "scale": (list(transform.scale), [1.0, 1.0, 1.0]),
    }
    if not np.isfinite(np.concatenate([value for value, _ in parts.values()])).all():
        raise FbxFault("holds numbers that are not finite; damaged")
    return {name: value for name, (value, rest) in parts.items() if np.abs(np.subtract(value, rest)).max() > 1e-12}


def _matrix(matrix: Any) -> np.ndarray:
    """A matrix of the library (four columns of three) as [4, 4]."""
    result = np.eye(4)
    result[:3] = np.array([list(column) for column in matrix]).T
    return result
