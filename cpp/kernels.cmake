# a2p_add_kernels(TARGET SOURCE...): compiles each source once per instruction set of the architecture and adds the
# objects to TARGET. In a kernel source everything lives in namespace a2p::A2P_ISA_NAMESPACE (portable, avx2, ...), so
# that the copies can be told apart; A2P_DISPATCH of a2p/isa.h calls the right one.
#
# A kernel source includes only headers whose functions are always inlined (A2P_HD) or static. An ordinary inline
# function, which most of the standard library is, may be emitted with AVX-512 and then kept for every caller.
# The wheel runs on any processor of the architecture: nothing outside these sources gets a machine option.
function(a2p_add_kernels target)
  set(isas portable)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    list(APPEND isas avx2 avx512)
    set(options_avx2 -mavx2 -mfma)
    set(options_avx512 -mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    list(APPEND isas neon)
  endif()
  foreach(isa IN LISTS isas)
    add_library(${target}_${isa} OBJECT ${ARGN})
    target_include_directories(${target}_${isa} PRIVATE cpp/include cpp/src)
    target_compile_definitions(${target}_${isa} PRIVATE A2P_ISA_NAMESPACE=${isa})
    target_compile_options(${target}_${isa} PRIVATE
      -Wall -Wextra $<$<BOOL:${A2P_WERROR}>:-Werror> -Wno-psabi ${options_${isa}})
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_${isa}>)
  endforeach()
endfunction()
