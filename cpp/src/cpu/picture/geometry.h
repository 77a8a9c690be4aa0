// The triangles of a picture: hands, forearms, sleeves, bands and solids.
#pragma once
#include "cpu/picture/workspace.h"

namespace a2p::picture {

// Fills the workspace's mesh in the camera frame, with normals and where each vertex lies on its material.
void build_mesh(const Looks& looks, const Job& job, Workspace& workspace);

// Appends what arms and solids add; used by build_mesh.
void append_arm(const HandLook& look, const Job& job, int hand, Mesh& mesh);
void append_solid(const Solid& solid, int index, Mesh& mesh);

}  // namespace a2p::picture
