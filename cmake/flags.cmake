# Flags as targets, never as CMAKE_C_FLAGS: drover_warnings for our own code only (not for generated
# code), drover_build for everything that is compiled here.

add_library(drover_warnings INTERFACE)
target_compile_options(drover_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wswitch-enum -Wimplicit-fallthrough -Wformat=2 -Wvla -Wundef -Wwrite-strings
    # clang's -Wconversion is wider than gcc's: the same rules under both, and ensure(!"why").
    $<$<C_COMPILER_ID:Clang>:-Wno-sign-conversion>
    $<$<C_COMPILER_ID:Clang>:-Wno-string-conversion>
    $<$<BOOL:${DROVER_WERROR}>:-Werror>)

# Assertions stay on in production: no build type defines NDEBUG, and ensure.h refuses it.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_RELEASE "-O2")

add_library(drover_build INTERFACE)
target_include_directories(drover_build INTERFACE "${PROJECT_SOURCE_DIR}")
# A program takes only the libraries it calls: the guard must not carry libpq because io can.
target_link_options(drover_build INTERFACE -Wl,--as-needed)

# The frame pointer and the unwinding of every fault are worth more here than a register.
target_compile_options(drover_build INTERFACE -fno-omit-frame-pointer -fno-strict-aliasing)

if(DROVER_SANITIZE)
    target_compile_options(drover_build INTERFACE
        -fsanitize=${DROVER_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(drover_build INTERFACE -fsanitize=${DROVER_SANITIZE})
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(drover_build INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
        -fstack-protector-strong)
    target_link_options(drover_build INTERFACE -Wl,-z,relro,-z,now -Wl,-z,noexecstack)
endif()

if(DROVER_COVERAGE)
    target_compile_options(drover_build INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(drover_build INTERFACE --coverage)
endif()

if(DROVER_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
        message(FATAL_ERROR "DROVER_FUZZ needs clang (libFuzzer); this is ${CMAKE_C_COMPILER_ID}")
    endif()
    target_compile_options(drover_build INTERFACE -fsanitize=fuzzer-no-link)
endif()

include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
