#!/usr/bin/env bash
# The Android library: native libraries with cargo-ndk, the Kotlin around them, and the AAR with Gradle.
# Wants: the Android NDK (r28 or newer, whose libraries suit pages of 16 KiB), ANDROID_NDK_HOME, the Android SDK,
# `cargo install cargo-ndk`, a JDK 17 and Gradle. The tests of this repository do not run this: they have no NDK.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

module=bindings-mobile/kotlin/realtime-android
target=${CARGO_TARGET_DIR:-target}
generated=$target/mobile/generated/kotlin

rustup target add aarch64-linux-android armv7-linux-androideabi x86_64-linux-android
# As in the module's build.gradle.kts: its minSdk, its ABIs.
cargo ndk --platform 24 --target arm64-v8a --target armeabi-v7a --target x86_64 \
    --output-dir "$module/src/main/jniLibs" \
    rustc --locked --package nexus-mobile --lib --profile mobile --crate-type cdylib

# The generator reads symbols, which Gradle strips from what it packs. It is the same for every ABI.
cargo run --locked --package xtask-uniffi -- generate --language kotlin --no-format \
    --out-dir "$generated" "$target/aarch64-linux-android/mobile/libnexus_mobile.so"

gradle --project-dir "$module" -Pnexus.generated="$(cd "$generated" && pwd)" assembleRelease
ls -l "$module"/build/outputs/aar/*-release.aar
