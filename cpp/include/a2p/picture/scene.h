// Everything that decides what one training picture looks like, apart from the hands' positions: plain floats, so that
// Python fills arrays of them by name.
#pragma once
#include <array>
#include <cstdint>

namespace a2p::picture {

using Triple = std::array<float, 3>;  // a point or direction in the camera frame (m), or linear red, green, blue

inline constexpr int kSolidCount = 6;
inline constexpr int kPatchCount = 20;

// How a surface that is not skin looks. Patterns: 0 plain, 1 stripes, 2 checks, 3 knitted, 4 mottled, 5 grain of wood.
struct Finish {
  Triple colour;
  Triple second;
  float pattern;
  float scale;  // repeats a metre, or a picture's width for backgrounds
  float gloss;  // strength of the highlight in [0, 1]
};

// What one hand wears.
struct Wear {
  float present;    // 0: this hand is not in the picture
  float is_gloved;  // 1: skin is hidden up to the wrist
  Finish glove;
  float ring_finger;  // 0 to 4, thumb to pinky; negative: no ring
  float ring_begin;   // along the proximal phalanx, in [0, 1]
  float ring_end;
  Finish ring;
};

// The forearm that continues a wrist, with its sleeve and a band such as a watch.
struct Arm {
  Triple direction;    // unit, from the wrist to the elbow
  float length;        // m; 0: the hand ends at the wrist
  float growth;        // how much wider than the wrist the arm becomes
  float sleeve_begin;  // m from the wrist; beyond `length`: a bare arm
  float sleeve_loose;  // m between skin and cloth
  float sleeve_folds;  // m
  float sleeve_phase;
  Finish sleeve;
  float band_begin;  // m from the wrist; beyond `length`: none
  float band_width;  // m
  float band_height;
  Finish band;
};

// A solid body: 0 none, 1 box, 2 ellipsoid, 3 cylinder along its third axis, 4 open cylinder (a cup).
struct Solid {
  float kind;
  Triple centre;
  std::array<float, 9> axes;  // rows: the body's unit axes in the camera frame
  Triple half_size;
  Finish finish;
};

// Colours of a person's skin, and how strongly its details show.
struct Skin {
  Triple back;
  Triple palm;
  Triple nail;
  float mottle;
  float redness;
  float creases;
  float veins;
  float relief;    // m, of tendons and knuckles; acts on shading only
  float gloss;     // strength of the highlight
  float softness;  // how far light spreads under the skin, in [0, 1]
  float hair;
};

struct Light {
  Triple to_key;     // unit, towards the lamp
  Triple key;        // linear light, 1 is white paper at full exposure
  float key_radius;  // m, of the shadow's blur at 10 cm
  Triple to_fill;
  Triple fill;
  Triple up;
  Triple sky;
  Triple ground;
  float occlusion;  // strength of what nearby bodies hide of the sky
};

// A soft shape painted on the background. Kinds: 0 none, 1 rectangle, 2 ellipse, 3 rounded rectangle.
struct Patch {
  float kind;
  float x, y;  // centre, in picture widths from the middle
  float half_width, half_height;
  float cosine, sine;
  float softness;  // of the edge, in picture widths
  float shade;     // from 0, flat, to 1, as a round body under the key light
  Finish finish;
};

struct Background {
  float photo;             // index into the photos; negative: none
  float photo_x, photo_y;  // centre, as a share of the photo
  float photo_u, photo_v;  // px of the photo along the picture's width: cosine and sine of its turn, scaled
  Triple tint;             // multiplies photo and finish
  Triple top, bottom;      // what a finish is multiplied by at the picture's top and bottom
  Finish finish;
  float cosine, sine;     // of the pattern's turn
  float blur;             // of everything behind the hands, standard deviation in px
  float receives_shadow;  // strength in [0, 1] of the hands' shadow on a surface behind them
  Triple surface;         // unit normal of that surface, towards the camera
  float surface_gap;      // m behind the hindmost visible point
  std::array<Patch, kPatchCount> patches;
};

// What lens, sensor and file do. Lengths in px of the picture.
struct Optics {
  float exposure;
  Triple white_balance;
  float vignette;
  float defocus;                 // standard deviation
  float motion_x, motion_y;      // full length of the path
  float shrink;                  // share of the resolution that survives, in (0, 1]
  float read_noise, shot_noise;  // standard deviations at black and, added, at white
  float noise_grain;             // 0: independent pixels, 1: blotches two pixels wide
  float noise_chroma;            // 0: grey noise, 1: coloured
  float contrast, saturation, lift;
  float sharpen;
  float jpeg_quality;  // 1 to 100; 0: none
};

struct Scene {
  float fx, fy, cx, cy;      // px
  float phase;               // what textures are shifted by, m
  std::array<Wear, 2> wear;  // right, left
  std::array<Arm, 2> arms;
  std::array<Solid, kSolidCount> solids;
  Skin skin;
  Light light;
  Background background;
  Optics optics;
};

}  // namespace a2p::picture
