// The Android library. `bindings-mobile/scripts` builds the native libraries it packs (`src/main/jniLibs`) with cargo-ndk.
plugins {
    id("com.android.library") version "8.13.0"
    kotlin("android") version "2.3.21"
    kotlin("plugin.serialization") version "2.3.21"
    `maven-publish`
}

group = "dev.nexus"
version = "0.1.0"

android {
    namespace = "dev.nexus.realtime.android"
    compileSdk = 36
    defaultConfig {
        minSdk = 24
        consumerProguardFiles("consumer-rules.pro")
        ndk { abiFilters += listOf("arm64-v8a", "armeabi-v7a", "x86_64") }
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }
    // The client itself is the same source as on the JVM, with the bindings that the generator wrote.
    sourceSets["main"].kotlin.srcDirs(
        "../realtime/src/main/kotlin",
        providers.gradleProperty("nexus.generated").getOrElse("../../../target/mobile/generated/kotlin"),
    )
    publishing { singleVariant("release") { withSourcesJar() } }
}

kotlin { compilerOptions { jvmTarget.set(org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_11) } }

dependencies {
    api("org.jetbrains.kotlinx:kotlinx-coroutines-android:1.11.0")
    api("org.jetbrains.kotlinx:kotlinx-serialization-json:1.11.0")
    implementation("net.java.dev.jna:jna:5.19.1@aar")
    implementation("androidx.lifecycle:lifecycle-process:2.10.0")
    implementation("androidx.work:work-runtime:2.11.2")
}

publishing {
    publications {
        register<MavenPublication>("release") {
            artifactId = "nexus-realtime-android"
            afterEvaluate { from(components["release"]) }
        }
    }
}
