// swift-tools-version: 6.0

import PackageDescription

// The core, compiled. Apple's platforms take the XCFramework, which `scripts/xcframework.sh` makes and which carries the same
// module as the folder does. Linux, and whoever sets NEXUS_SYSTEM_LIBRARY, takes a library that the linker finds.
#if os(Linux)
let takesSystemLibrary = true
#else
let takesSystemLibrary = Context.environment["NEXUS_SYSTEM_LIBRARY"] != nil
#endif

let core: Target
var linking: [LinkerSetting]
if takesSystemLibrary {
    core = .systemLibrary(name: "CNexusRealtime")
    linking = [.linkedLibrary("nexus_mobile")]
    // The folder of the library, for those who build it themselves. Programs look there when they run, too.
    if let folder = Context.environment["NEXUS_LIBRARY"] {
        linking.append(.unsafeFlags(["-L\(folder)", "-Xlinker", "-rpath", "-Xlinker", folder]))
    }
} else {
    core = .binaryTarget(name: "CNexusRealtime", path: "CNexusRealtime.xcframework")
    linking = [.linkedFramework("Security"), .linkedFramework("CoreFoundation")]
}

let package = Package(
    name: "nexus-realtime",
    platforms: [.iOS(.v16), .macOS(.v13), .tvOS(.v16), .watchOS(.v9), .visionOS(.v1)],
    products: [
        .library(name: "NexusRealtime", targets: ["NexusRealtime"])
    ],
    targets: [
        core,
        // Generated. Swift 6.0 crashes where it checks this code for Swift 6; whatever is written by hand is in that mode.
        .target(
            name: "NexusRealtimeFFI", dependencies: ["CNexusRealtime"],
            swiftSettings: [.swiftLanguageMode(.v5)], linkerSettings: linking),
        .target(name: "NexusRealtime", dependencies: ["NexusRealtimeFFI"]),
        .executableTarget(name: "nexus-chat", dependencies: ["NexusRealtime"]),

        .target(name: "BehaviourKit", dependencies: ["NexusRealtime"], path: "Tests/BehaviourKit"),
        .executableTarget(name: "nexus-behaviour", dependencies: ["BehaviourKit"], path: "Tests/nexus-behaviour"),
        .executableTarget(
            name: "nexus-bench", dependencies: ["NexusRealtime", "BehaviourKit"], path: "Tests/nexus-bench"),
        .testTarget(
            name: "NexusRealtimeTests", dependencies: ["NexusRealtime", "BehaviourKit", "nexus-behaviour"]),
    ],
    swiftLanguageModes: [.v6]
)
