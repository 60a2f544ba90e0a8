"""The Shapes3D scene as weight maps: how much of each colour every pixel takes, for all 480 geometries.

One object stands in the middle of a square room, seen by a pinhole camera on a circle around it and
carrying one of the lights. Lengths are in camera heights, z is up, the floor is z = 0. Geometry and shading
were fitted to images of the original (made with MuJoCo), whose own constants are not public: the result is
near the original, not equal to it.
"""

from collections.abc import Iterator

import numpy as np

SCALES = np.linspace(0.75, 1.25, 8)
ORIENTATIONS = np.radians(np.linspace(-30, 30, 15))
GEOMETRIES = (8, 4, 15)
"""Scale, shape and orientation classes, slowest first."""

FLOOR, WALL, OBJECT, WHITE, SKY = range(5)
SAMPLES = 3
FOCAL, TILT, DISTANCE = 68.62, 0.0015, 3.3105
HALF_WIDTH, HEIGHT = 4.6534, 2.6458
LIGHT = np.array([-4.46, 1.88, 19.43])
SHADOW = 0.328
UNIT = 180
"""A weight of 1 as it is stored in a byte; the largest weight is 255 / 180."""

CUBE = 0.4629
CYLINDER = (0.466, 0.944)
SPHERE = 0.561
CAPSULE = (0.4276, 1.721)

FLOOR_SHADE = """
 1.0673 .1812 -.3199 -.4337 .2506  -.6118 -.0351 .5390 -.2096  -.1135 -.7970 .8107  .3715 -.2020  .0110"""
WALL_SHADE = """
 .612 -.104 -.041 .057 -.042 .006 .007 .316 .132
 .553 -.008 -.147 .074 .029 -.009 -.052 .440 .214
 .455 .030 -.103 .049 -.089 .030 .019 .451 .184"""
"""Back, left and right wall, over the terms of `_wall_shade`."""
OBJECT_SHADE = """
 .507 -.071 -.039 .421 .101 -.137 .080 .054 .074 .568 .015 -.057 .053 .115 .052 -.044 .000 .066 .079
 .469 .007 -.141 .273 .188 -.090 -.020 .114 .040 .324 .124 -.159 -.036 .109 .014 .196 -.003 .005 .037
 .514 -.251 -.283 .301 -.067 -.023 -.200 .079 .136 .480 .071 .113 .168 .219 .192 .147 .002 .152 -.082
 .488 -.117 -.262 .285 .273 -.041 -.274 .104 .117 .647 -.036 .046 .197 .238 .253 .391 -.062 .166 -.125"""
"""Cube, cylinder, sphere and capsule, over the terms of `_normal_terms`."""
HIGHLIGHT = """
 .016 -.032 -.003 -.019 -.019 .001 -.000 .052 .001 -.010 .007 -.029 -.038 .049 .055 .045 -.004 .001 .021
 .112 .111 .042 .109 .288 -.078 .045 -.075 .003 .089 -.064 -.125 .175 .014 -.013 .164 -.000 .014 .033
 .065 .078 -.061 .156 .072 .177 .020 -.025 -.026 .034 -.019 -.102 .162 -.104 .147 -.037 .089 .056 .190
 .040 .175 -.257 .055 .221 -.031 .012 -.066 -.082 .036 -.019 -.198 .466 -.084 .309 .033 .079 .053 .072"""
"""White that lies over the colour, likewise."""


def weight_maps(start: int = 0) -> Iterator[np.ndarray]:
    """Weights uint8 (1, 5, 4096), in units of 1 / `UNIT`, of each geometry from number `start` on."""
    rooms = [_room(phi) for phi in -ORIENTATIONS]
    for geometry in range(start, int(np.prod(GEOMETRIES))):
        scale, shape, orientation = np.unravel_index(geometry, GEOMETRIES)
        maps = _pixels(_with_object(*rooms[orientation], int(shape), SCALES[scale]))
        yield np.clip(np.floor(maps * UNIT + 0.5), 0, 255).astype(np.uint8)[None]


def _room(phi: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Camera (3,), ray directions (R, 3), floor points (R, 3) and weights (R, 5) of the empty room."""
    ticks = (np.arange(64 * SAMPLES) + 0.5) / SAMPLES
    X, Z = np.meshgrid((ticks - 32) / FOCAL, (32 - ticks) / FOCAL - TILT)
    sin, cos = np.sin(phi), np.cos(phi)
    rays = np.stack([X * cos + sin, -X * sin + cos, Z], axis=-1).reshape(-1, 3)
    camera = np.array([-DISTANCE * sin, -DISTANCE * cos, 1.0])

    with np.errstate(divide="ignore"):
        to_floor = np.where(rays[:, 2] < 0, -camera[2] / rays[:, 2], np.inf)
        to_side = (np.copysign(HALF_WIDTH, rays[:, 0]) - camera[0]) / rays[:, 0]
        to_back = (np.copysign(HALF_WIDTH, rays[:, 1]) - camera[1]) / rays[:, 1]
    to_wall = np.minimum(to_side, to_back)
    on_floor = to_floor < to_wall
    ground = camera + np.where(on_floor, to_floor, 0)[:, None] * rays
    hit = camera + to_wall[:, None] * rays
    on_wall = ~on_floor & (hit[:, 2] <= HEIGHT)

    weights = np.zeros((len(rays), 5))
    weights[on_floor, FLOOR] = _floor_shade(ground[on_floor])
    weights[on_wall, WALL] = _wall_shade(hit[on_wall], (to_back < to_side)[on_wall], camera)
    weights[~on_floor & ~on_wall, SKY] = 1
    return camera, rays, ground, weights


def _with_object(
    camera: np.ndarray, rays: np.ndarray, ground: np.ndarray, room: np.ndarray, shape: int, scale: float
) -> np.ndarray:
    """Weights (R, 5) of the room with an object and its shadow."""
    weights = room.copy()
    floor = np.flatnonzero(room[:, FLOOR] > 0)
    near = floor[np.abs(ground[floor]).max(axis=1) < 2.5 * scale]
    distance, _ = intersect(ground[near], LIGHT - ground[near], shape, scale)
    weights[near[np.isfinite(distance)], FLOOR] = SHADOW

    centre = np.abs(rays[:, 0] * camera[1] - rays[:, 1] * camera[0]) < DISTANCE * scale
    candidates = np.flatnonzero(centre)
    distance, normal = intersect(np.broadcast_to(camera, (len(candidates), 3)), rays[candidates], shape, scale)
    seen = np.isfinite(distance)
    terms = _normal_terms(normal[seen], camera)
    white = np.clip(terms @ _numbers(HIGHLIGHT, 4)[shape], 0, 0.4)
    shade = np.clip(terms @ _numbers(OBJECT_SHADE, 4)[shape], 0.2, 1.4)
    struck = candidates[seen]
    weights[struck] = 0
    weights[struck, OBJECT] = shade - white
    weights[struck, WHITE] = white
    return weights


def intersect(origin: np.ndarray, ray: np.ndarray, shape: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """First hit of rays (R, 3) from `origin` (R, 3) with an object: distance (R,), inf if none; normal (R, 3)."""
    origin = origin / scale
    ray = ray / scale
    if shape == 0:
        return _box(origin, ray)
    if shape == 1:
        return _nearest([_tube(origin, ray, CYLINDER[0], 0, CYLINDER[1]), _lid(origin, ray, *CYLINDER)])
    if shape == 2:
        return _ball(origin, ray, SPHERE, SPHERE)
    radius, height = CAPSULE
    return _nearest(
        [
            _tube(origin, ray, radius, radius, height - radius),
            _ball(origin, ray, radius, radius),
            _ball(origin, ray, radius, height - radius),
        ]
    )


Hits = tuple[np.ndarray, np.ndarray]


def _nearest(hits: list[Hits]) -> Hits:
    distances = np.stack([distance for distance, _ in hits])
    first = distances.argmin(axis=0)
    rays = np.arange(len(first))
    return distances[first, rays], np.stack([normal for _, normal in hits])[first, rays]


def _box(origin: np.ndarray, ray: np.ndarray) -> Hits:
    with np.errstate(divide="ignore", invalid="ignore"):
        low = (np.array([-CUBE, -CUBE, 0]) - origin) / ray
        high = (np.array([CUBE, CUBE, 2 * CUBE]) - origin) / ray
    entry, leave = np.fmin(low, high), np.fmax(low, high)
    axis = entry.argmax(axis=1)
    distance, last = entry.max(axis=1), leave.min(axis=1)
    normal = np.zeros_like(ray)
    normal[np.arange(len(axis)), axis] = -np.sign(ray[np.arange(len(axis)), axis])
    return np.where((distance <= last) & (last > 1e-9), distance, np.inf), normal


def _ball(origin: np.ndarray, ray: np.ndarray, radius: float, z: float) -> Hits:
    offset = origin - np.array([0, 0, z])
    distance = _root(_dot(ray, ray), _dot(offset, ray), _dot(offset, offset) - radius**2)
    return distance, _normal(offset, ray, distance, radius)


def _tube(origin: np.ndarray, ray: np.ndarray, radius: float, bottom: float, top: float) -> Hits:
    flat, across = origin * (1, 1, 0), ray * (1, 1, 0)
    distance = _root(_dot(across, across), _dot(flat, across), _dot(flat, flat) - radius**2)
    normal = _normal(flat, across, distance, radius)
    with np.errstate(invalid="ignore"):
        z = origin[:, 2] + distance * ray[:, 2]
        return np.where((z >= bottom) & (z <= top), distance, np.inf), normal


def _lid(origin: np.ndarray, ray: np.ndarray, radius: float, z: float) -> Hits:
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = (z - origin[:, 2]) / ray[:, 2]
        hit = origin + distance[:, None] * ray
        inside = (distance > 0) & (hit[:, 0] ** 2 + hit[:, 1] ** 2 <= radius**2)
    return np.where(inside, distance, np.inf), np.broadcast_to(np.array([0.0, 0, 1]), ray.shape)


def _root(a: np.ndarray, half_b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """The smaller positive root of a t² + 2 half_b t + c, for an origin outside the body; inf if none."""
    square = half_b**2 - a * c
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (-half_b - np.sqrt(square)) / a
    return np.where((square > 0) & (t > 1e-9), t, np.inf)


def _normal(offset: np.ndarray, ray: np.ndarray, distance: np.ndarray, radius: float) -> np.ndarray:
    return (offset + np.where(np.isfinite(distance), distance, 0)[:, None] * ray) / radius


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", a, b)


def _floor_shade(ground: np.ndarray) -> np.ndarray:
    x, y = ground[:, 0] / 4, ground[:, 1] / 4
    powers = np.stack([x**i * y**j for i in range(5) for j in range(5 - i)], axis=1)
    return np.clip(powers @ _numbers(FLOOR_SHADE, 1)[0], 0.3, 1.4)


def _wall_shade(hit: np.ndarray, on_back: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """Brightness over place and, since one light is carried by the camera, how far the wall faces it."""
    s, z = np.where(on_back, hit[:, 0], hit[:, 1]) / 4, hit[:, 2] / 2.67
    side = np.where(on_back, 0, np.where(hit[:, 0] < 0, 1, 2))
    facing = (np.array([(0, -1, 0), (1, 0, 0), (-1, 0, 0)]) @ _heading(camera))[side]
    terms = np.stack([np.ones_like(s), s, s**2, s**3, z, z**2, s * z, facing, facing**2], axis=1)
    return np.clip(_dot(terms, _numbers(WALL_SHADE, 3)[side]), 0.3, 1.4)


def _normal_terms(normal: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """Cubic polynomials of the world normal, and how far it faces the camera, which carries a light."""
    x, y, z = normal.T
    facing = normal @ _heading(camera)
    even = [np.ones_like(x), x, y, z, x * y, y * z, x * z, x**2 - y**2, 3 * z**2 - 1, facing, facing**2]
    cubic = [x**3, y**3, z**3, x**2 * y, x * y**2, x * y * z, x**2 * z, y**2 * z]
    return np.stack(even + cubic, axis=1)


def _heading(camera: np.ndarray) -> np.ndarray:
    """Horizontal unit vector from the room's centre to the camera."""
    return camera * (1, 1, 0) / DISTANCE


def _numbers(text: str, rows: int) -> np.ndarray:
    return np.array(text.split(), dtype=float).reshape(rows, -1)


def _pixels(weights: np.ndarray) -> np.ndarray:
    """Mean (5, 4096) of the samples (R, 5) of each pixel."""
    return weights.reshape(64, SAMPLES, 64, SAMPLES, 5).mean(axis=(1, 3)).reshape(4096, 5).T
