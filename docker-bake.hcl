# The images by series, variant and architecture, for one machine or for many.
# Each is tested where it is built:
#
#   docker buildx bake                          all images
#   docker buildx bake image-3-11-pgo           one of them
#   docker buildx bake --print                  only say what would be built
#
# An architecture that is not the machine's own is emulated, slowly, unless the
# builder has a node for it: `docker buildx create --append --platform
# linux/arm64 ssh://HOST`. With --push the images go to where IMAGE says.

variable "IMAGE" {
  default = "threadjoin"
}

variable "PLATFORMS" {
  default = "linux/amd64,linux/arm64"
}

variable "REVISION" {
  default = "unknown"
}

# Seconds since 1970; empty for the Dockerfile's own.
variable "SOURCE_DATE_EPOCH" {
  default = ""
}

group "default" {
  targets = ["image"]
}

target "image" {
  name = "image-${replace(release.series, ".", "-")}-${variant}"
  matrix = {
    release = [
      # Made of patches/*/releases.json by `series releases --write`.
      {
        series  = "3.9"
        version = "3.9.25"
        sha256  = "00e07d7c0f2f0cc002432d1ee84d2a40dae404a99303e3f97701c10966c91834"
        gpg_key = "E3FF2839C048B25C084DEBE9B26995E310250568"
      },
      {
        series  = "3.10"
        version = "3.10.21"
        sha256  = "a0da1e72132e950154eca0f6f47d5db828454700de20e5113667940d81e0db04"
        gpg_key = "A035C8C19219BA821ECEA86B64E628F8D684696D"
      },
      {
        series  = "3.11"
        version = "3.11.16"
        sha256  = "91bcdebfdde239a003ae93738a7fce0f9230fee5c4bc2b86f6e6e8c6f98aabe8"
        gpg_key = "A035C8C19219BA821ECEA86B64E628F8D684696D"
      },
      {
        series  = "3.12"
        version = "3.12.14"
        sha256  = "5c8462af5790baf43a321a1559dbe0db06d1be4300fb85fb53c40060668e548a"
        gpg_key = "7169605F62C751356D054A26A821E680E5FA6305"
      },
      # End of what is made.
    ]
    # As in build.sh, without the sanitizers, which are for its own tests.
    variant = ["pgo", "release", "debug"]
  }
  args = {
    SERIES            = release.series
    VARIANT           = variant
    PYTHON_VERSION    = release.version
    PYTHON_SHA256     = release.sha256
    GPG_KEY           = release.gpg_key
    REVISION          = REVISION
    SOURCE_DATE_EPOCH = SOURCE_DATE_EPOCH != "" ? SOURCE_DATE_EPOCH : null
  }
  platforms = split(",", PLATFORMS)
  tags      = ["${IMAGE}:${release.version}-${variant}"]
}
