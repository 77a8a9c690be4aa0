"""Every tolerance of the tests, each with the worst error observed; the bound is at most 4 times that."""

ROTATION_FLOAT64 = 8.6e-15
"""The exponential, round trips between forms, the logarithm, the left Jacobian: worst 2.2e-15 up to 17 rad."""
ROTATION_FLOAT32 = 1.9e-6
"""The logarithm of the exponential in float32, rad: worst 4.8e-7 over 200,000 angles up to pi - 0.001."""
CAP_AREA_RELATIVE = 2.2e-15
"""Area of a filled planar loop: worst 5.6e-16 over 3,000 star-shaped polygons of 4 to 24 corners."""
SKINNING_FLOAT64_M = 8.8e-16
"""Skinning against 4x4 matrices joint by joint, and rigid motion: worst 2.2e-16 m over 200 hands."""
SKINNING_FLOAT32_M = 1e-6
"""float32 against float64, native and PyTorch: worst 2.7e-7 m over 2,000 hands."""
SMPLX_M = 9.5e-7
"""Against smplx 0.1.28 on one file, both sides, flat mean or not: worst 2.4e-7 m over 2,000 hands (asked: 1e-5)."""
ANATOMY_ROUND_TRIP_RAD = 2.8e-15
"""Anatomical angles to axis-angle and back: worst 7.2e-16 over 500 float64 poses within the limits."""
OPEN_HAND_REFERENCE_M = 1.5e-5
"""Vertices and unit-beta offsets of the packaged hand to the reference build: worst 3.8e-6 m, of half precision."""
OPEN_HAND_REBUILD_M = 1e-6
"""Every array of a rebuild to the packaged one: 0 on the machine that built it; room for another BLAS."""
RASTER_DEPTH_M = 2.9e-7
"""Depth and points of a slanted plane, 0.4 to 1.5 m: worst 7.4e-8 over 1,410 pixels."""
RASTER_CLIPPED_RELATIVE = 2e-7
"""Depth where a face is clipped: worst 5.3e-8, float32's rounding."""
SPHERE_NORMAL = 6e-2
"""Area-weighted normals of a sphere of 2,048 faces: worst 1.6e-2."""
PICTURE_LABEL_SHARE = 0.01
"""Pixels labelled as a hand against the area that 16 exact samples a pixel cover: worst 0.0026 of it, two hands."""
PICTURE_DEPTH_M = 4e-3
"""A pixel's mean depth, 4 samples against 16, inside a hand: worst 1.5 mm at a fold; 99 % within 0.22 mm."""
PICTURE_JPEG_MEAN = 0.15
"""Pictures after our JPEG losses against Pillow's file at qualities 35, 60 and 90, steps of 255: worst mean 0.045."""
PICTURE_KEYPOINT_PX = 1.8e-4
"""Labelled keypoints against the projection of the labelled 3D ones, in float32: worst 4.6e-5 px over 28 pictures."""
PICTURE_LABELLED_KEYPOINT_M = 6e-8
"""Keypoints of the labelled parameters, mirrored or not, against the labelled ones: worst 0 over 4 pictures: computed
alike, with room for one rounding of a float32 below a metre."""
EXPORTED_TEXT_M = 1e-7
"""Vertices as .obj text of 7 decimals: worst 5.0e-8, half a digit, plus float32's rounding."""
EXAMPLE_IMAGE_MEAN = 2.5
"""Packaged example against its tool at one sample a pixel and few light directions, in steps of 255: mean 1.81."""
KEYPOINTS_M = 2.4e-7
"""Keypoints against posed joints, vertices and mirrored hands in float32: worst 6.0e-8 m over 100 hands."""

NATIVE_SPHERE_DEPTH_M = 1.5e-8
"""Depth of a sphere's 642 vertices in a box, native against closed form: worst 5.2e-9 m, portable and AVX2."""

# Native skinning (float32) against the float64 definition: 2,000 open hands and 10 dense models, portable and avx2.
NATIVE_SKINNING_M = 9e-7  # observed 2.26e-7
NATIVE_SKINNING_ROTMAT = 5e-6  # observed 1.43e-6, at 20 rad a joint
NATIVE_SKINNING_GRADIENT_REL = 4e-6  # observed 1.00e-6 of the largest entry
NATIVE_SKINNING_DIFFERENCES_REL = 2.8e-7  # observed 7.3e-8 of the largest entry

LANDMARK_ERROR_PX = 6.8
"""Mean 2D error of the 21 keypoints on every tenth photo of hand_graph_cnn (256 px wide), px; observed 6.0."""
LEAST_SQUARES = 3e-10
"""Solutions of small least-squares problems: worst 7.8e-11 over 35 problems in float64."""
LEAST_SQUARES_GRADIENT = 4e-9
"""Gradient of the free unknowns of problems in a box, on a scale of 1: worst 1.03e-9 over 20 problems."""
CHAIN_JACOBIAN_FINITE = 4e-10
"""Analytic against central differences, steps of 1e-6: worst 1.4e-10 over 4 hands."""
CHAIN_KEYPOINTS_M = 1.3e-15
"""Articulated chain against the hand model in float64, keypoints and derivatives: worst 3.3e-16 over 22 hands."""
FIT_EXACT_PX = 0.1
"""Reprojection of exact keypoints, weak priors, seen from 0.4 to 1 m at 900 px focal length."""

CUDA_DEPTH_M = 1e-7
"""The promise, 1e-4 mm; not observed yet: no GPU has run it."""
CUDA_GRADIENT_REL = 1e-6
"""The promise; not observed yet: no GPU has run it."""
CUDA_FUSED_DEPTH_M = 4e-7
"""Depths of the fused step on a GPU against the CPU; not observed yet: both skin in float32, in another order."""
CUDA_FUSED_REL = 1e-4
"""Loss and gradients of the same; not observed yet: no GPU has run it."""
NATIVE_DEPTH_M = 8.8e-9
"""Depth and distance, native float32 against the float64 reference, hands: worst 2.2e-9 m on 398,336 vertices;
metre-sized meshes have a relative part beside it."""
NATIVE_LOSS_RELATIVE = 6e-9
"""Loss of a pair, native against reference: worst 1.6e-9, where two faces are equally close up to rounding."""
NATIVE_GRADIENT_RELATIVE = 9e-7
"""Gradient against autograd through the same faces and weights, relative to the largest: worst 2.4e-7 on 48
pairs of open hands with each loss, AVX2 and portable."""

PENETRATION_RELATIVE = 4e-7
"""Depth and distance against closed forms and the float64 reference, as a share of the extent, coordinates float32.
Worst observed: 1.19e-7 over 90 comparisons of the reference and Warp."""
# The fused step (float32) against the float64 reference, open hands, portable and avx2.
FUSED_DEPTH_M = 1.3e-7  # observed 3.5e-8
FUSED_GRADIENT_REL = 1e-4  # observed 2.8e-5: float32's rounding of vertices against depths of a few millimetres
FUSED_DIFFERENCES_REL = 4e-2  # observed 1.2e-2: vertices enter and leave within a step

PROCRUSTES_M = 6.2e-15
"""Procrustes alignment of a similar figure: worst 1.57e-15 m over 300 draws."""
BOX_VOLUME_RELATIVE = 4e-6
"""Shared volume of two boxes given in float32: worst 1e-6."""
QUANTIZED_STEP_SHARE = 0.6
"""Error of a quantised vertex in steps: worst 0.497 over 2,000 meshes, beside the rounding of float32."""

DATA_PLACEMENT_M = 4.7e-7
"""Joints and meshes of fabricated data sets against the hands they were written from: worst 1.2e-7 m, float32."""
DATA_PROJECTION_PX = 1e-4
"""The same in the picture: worst 2.6e-5 px."""

MEASURES_RELATIVE = 2.8e-15
"""Volume, surface distance, vertex criterion, native against PyTorch in float64, relative: worst 5.8e-16 of volumes (32
pairs of hands, 32 of solids), 5.8e-16 of distances (32), 7.1e-16 of the criterion."""
WINDING_ROUNDING = 1e-12
"""Winding numbers, native against PyTorch in float64: worst 7e-16 seen on one pair of hands."""
DUET_WRIST_M = 4.6e-10
"""The right wrist of hand pairs against the origin: worst 1.2e-10 m over 512 pairs."""
DUET_LIMITS_RAD = 1.2e-6
"""Angles of hand pairs beyond their limits after float32 axis-angles: worst 3.0e-7 over 16,384 hands."""
JOINT_TURNS_RAD = 4e-15
"""Axis-angles of anatomical angles, closed form against the definition, float64: worst 8.9e-16 over 1,000 hands."""
JOINT_TURNS_GRADIENT = 3e-10
"""The same of gradients: worst 7.3e-11, of an angle near zero."""
DUET_VIEW_M = 9.5e-7
"""A view's meshes against the turned meshes, 0.3 to 0.9 m from the camera, float32: worst 2.4e-7 over 2,048 views."""
DATA_PLACEMENT_M = 6e-7
"""Fits brought from a data set's frame into the camera's, against the hand they were written from, float32."""
DATA_PROJECTION_PX = 4e-4
"""Keypoints through a data set's form and back, px."""
DDIM_RELATIVE = 7e-5
"""Steps of DDIM against diffusers, which holds its schedule in float32: worst 1.8e-5."""
PAIR_ROUND_TRIP_M = 4.7e-7
"""Points of pairs to numbers and back in float32: worst 1.2e-7 m over 100 pairs."""
MIRRORED_DIFFUSION_M = 3e-6
"""Vertices after the mirrored pair's diffusion with one move against the mirrored vertices, m, 12 pairs."""
COMPLIANCE_RETURN_SHARE = 0.017
"""What is left across the rays, one step back to the image from moves of 0.02: worst 0.0042."""


MIRRORED_NETWORK = 3.8e-6
"""Outputs for exchanged crops, mirrored hands and an absent hand: worst 9.5e-7 over 24 networks of random weights."""
LOSS_OF_TRUTH = 2.8e-8
"""Parts of the alignment loss for outputs that equal the labels: worst 7.2e-9 over 36 pictures, float32."""
CROP_LABELS_M = 8e-7
"""Keypoints of a crop's rotations and betas against its own keypoints: worst 2.0e-7 m over 192 pictures."""
PROJECTION_OF_TRUTH = 7.8e-7
"""The projected hand's part of that loss, in cells of 8 a crop: worst 1.95e-7 over 36 pictures."""
HALF_WEIGHTS_ROT6D = 1.8e-3
"""Rotations in 6D of a network stored in float16: worst 4.5e-4 over 12 networks of random weights."""
FLOOD_BYTES_A_FRAME = 20.0
"""Python's memory after a flood, a frame that gave way: worst 5.7 bytes over 2 policies, 1,500 frames each."""
MIRRORED_METRIC = 1.2e-14
"""Figures of mirrored data, relative: worst 2.9e-15 over 3 protocols and 20 metrics, 4 samples."""
COMPILED_RELATIVE = 7e-6
"""Maps of encoders run by LiteRT, as a share of the largest value: worst 1.75e-6 over 36 random networks."""
FOLDED_RELATIVE = 6e-7
"""Maps of networks with folded batch norms, as a share of the largest value: worst 1.54e-7 over 6 random networks."""
DETECTION_BOX_SHARE = 1.2e-7
"""Boxes decoded from the maps of the truth, in sides of the picture: worst 2.98e-8 over 400 boxes."""
MIRRORED_READING_PX = 6e-5
"""Keypoints read from a mirrored picture, and of a hand read alone: worst 1.53e-5 px over 4 random networks."""
MIRRORED_READING = 5.9e-7
"""Points, spreads, angles and places of the same: worst 1.49e-7."""

HAND_LANDMARK_FEATURES = 2e-6
"""Worst feature of the hand landmark encoder in PyTorch against TensorFlow Lite, of the largest: 7.3e-7 observed."""

PACKAGED_NETWORK_HAND_SIZES = 0.12
"""Mean distance of the packaged network's keypoints from the landmark model's, in sizes of the hand: 0.058 observed on
the example image."""

TOLD_DEPTH_M = 0.04
"""Difference of two wrists' depths that a fit was told surely: off by 0.019 at most, since lengths become logarithms at
the mean depth before."""

# Native keypoint fit against its definition, 8 draws of 24 hands with noise, outliers and some without relative points.
NATIVE_LINEARISED_REL = 2.8e-14  # observed 7.2e-15 of a hand's largest number, also at the limits of every unknown
NATIVE_DESCENT_STATE = 8e-10  # observed 2.1e-10 after 12 steps from wild starts, of which rounding grows; median 1e-14
NATIVE_DESCENT_COST_REL = 1.7e-10  # observed 4.5e-11
NATIVE_FIT_M = 2.7e-14  # observed 6.9e-15 m, keypoints of 480 hands fitted whole; 2.2e-16 of posed states

WINDOW_STEPS_OF_8_BITS = 1.01
"""A window's values against their definition in float64: a block whose mean lies between two of 256 steps may be
rounded the other way."""
SPREAD_BY_PASSES = 0.1
"""Spread of 2 and of 8 passes against 4, relative, on passes that differ by noise."""
BRIEF_DIFFERENCE = 0.04
"""Keypoints of a hand after two passes against five, in sizes of the hand."""
