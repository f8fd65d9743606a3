//! The processor: what it is, and its word for a hypervisor below it.

/// What the program was built for, as `uname -m` says it.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86" => "i686",
        "arm" => "armv7l",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        same => same,
    }
}

/// The name a hypervisor gives itself in CPUID leaf 0x4000_0000; none on bare metal, and on processors without CPUID.
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
pub fn hypervisor_vendor() -> Option<[u8; 12]> {
    #[cfg(target_arch = "x86")]
    use core::arch::x86::__cpuid;
    #[cfg(target_arch = "x86_64")]
    use core::arch::x86_64::__cpuid;

    /// Bit 31 of ECX in leaf 1: set by hypervisors, never by a processor.
    const HYPERVISOR: u32 = 1 << 31;
    const FEATURES: u32 = 1;
    const VENDOR: u32 = 0x4000_0000;
    if __cpuid(FEATURES).ecx & HYPERVISOR == 0 {
        return None;
    }
    let leaf = __cpuid(VENDOR);
    let mut vendor = [0; 12];
    for (place, register) in vendor
        .chunks_exact_mut(4)
        .zip([leaf.ebx, leaf.ecx, leaf.edx])
    {
        place.copy_from_slice(&register.to_le_bytes());
    }
    Some(vendor)
}

/// The name a hypervisor gives itself: there is no CPUID here.
#[cfg(not(any(target_arch = "x86_64", target_arch = "x86")))]
pub fn hypervisor_vendor() -> Option<[u8; 12]> {
    None
}
