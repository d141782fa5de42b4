#!/usr/bin/env bash
# The XCFramework that Package.swift takes on Apple's platforms: static libraries for iPhones, simulators and Macs, with
# the generated header, and the generated Swift beside it.
# Wants: a Mac with Xcode 16 or newer, and rustup. The tests of this repository do not run this: they run on Linux.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

package=bindings-mobile/swift
target=${CARGO_TARGET_DIR:-target}
work=$target/mobile/xcframework
# As in Package.swift.
export IPHONEOS_DEPLOYMENT_TARGET=16.0 MACOSX_DEPLOYMENT_TARGET=13.0

rm -rf "$work" "$package/CNexusRealtime.xcframework"
for platform in aarch64-apple-ios aarch64-apple-ios-sim x86_64-apple-ios aarch64-apple-darwin x86_64-apple-darwin; do
    rustup target add "$platform"
    cargo rustc --locked --package nexus-mobile --lib --profile mobile --crate-type staticlib --target "$platform"
done

library() { echo "$target/$1/mobile/libnexus_mobile.a"; }
mkdir -p "$work/simulator" "$work/macos" "$work/generated"
lipo -create "$(library aarch64-apple-ios-sim)" "$(library x86_64-apple-ios)" -output "$work/simulator/libnexus_mobile.a"
lipo -create "$(library aarch64-apple-darwin)" "$(library x86_64-apple-darwin)" -output "$work/macos/libnexus_mobile.a"

# Before anything is stripped: the generator reads symbols. It is the same for every platform.
cargo run --locked --package xtask-uniffi -- generate --language swift --no-format \
    --out-dir "$work/generated" "$(library aarch64-apple-ios)"
# In a folder of the module's name, so that it does not meet the module map of another package.
headers=$work/headers/CNexusRealtime
mkdir -p "$headers" "$package/Sources/NexusRealtimeFFI"
cp "$work/generated/CNexusRealtime.h" "$headers/"
cp "$work/generated/CNexusRealtime.modulemap" "$headers/module.modulemap"
cp "$work/generated/NexusRealtimeFFI.swift" "$package/Sources/NexusRealtimeFFI/"

xcodebuild -create-xcframework \
    -library "$(library aarch64-apple-ios)" -headers "$work/headers" \
    -library "$work/simulator/libnexus_mobile.a" -headers "$work/headers" \
    -library "$work/macos/libnexus_mobile.a" -headers "$work/headers" \
    -output "$package/CNexusRealtime.xcframework"
du -sh "$package/CNexusRealtime.xcframework"
