//! Every codec there and back, and what is wrong with compressed data.

use super::*;

const CODECS: [Compression; 4] = [
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];
const CAP: usize = 4 << 20;

fn pack(codec: Compression, level: Option<i32>, data: &[u8]) -> Bytes {
    let mut out = BytesMut::from(&b"before"[..]);
    compress(codec, level, data, &mut out).unwrap();
    assert_eq!(&out[..6], b"before");
    out.freeze().slice(6..)
}

/// Text-like bytes that compress, then noise that does not.
fn sample(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut data = Vec::with_capacity(len + 64);
    while data.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if data.len() % 50_000 < 30_000 {
            data.extend_from_slice(
                format!("{{\"id\":{},\"name\":\"record\"}}\n", state % 1000).as_bytes(),
            );
        } else {
            data.extend_from_slice(&state.to_le_bytes());
        }
    }
    data.truncate(len);
    data
}

#[test]
fn every_codec_unpacks_what_it_packed() {
    for codec in Compression::ALL {
        for len in [
            0, 1, 12, 13, 100, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 400_000,
        ] {
            let data = sample(len);
            let packed = pack(codec, None, &data);
            assert_eq!(
                decompress(codec, &packed, len).unwrap(),
                data,
                "{codec} {len}"
            );
        }
        // The second time works on states that have been used.
        let packed = pack(codec, None, &sample(5000));
        assert_eq!(decompress(codec, &packed, CAP).unwrap(), sample(5000));
    }
}

#[test]
fn levels_out_of_range_are_brought_into_it() {
    let data = sample(20_000);
    for codec in CODECS {
        for level in [i32::MIN, -131_072, -7, -1, 0, 1, 4, 9, 17, 22, i32::MAX] {
            let packed = pack(codec, Some(level), &data);
            assert_eq!(
                decompress(codec, &packed, CAP).unwrap(),
                data,
                "{codec} {level}"
            );
        }
    }
    assert!(
        pack(Compression::Gzip, Some(9), &data).len()
            < pack(Compression::Gzip, Some(1), &data).len()
    );
}

#[test]
fn what_is_larger_than_allowed_is_refused() {
    for codec in CODECS {
        let zeros = vec![0; 1 << 20];
        let packed = pack(codec, None, &zeros);
        for limit in [0, 1, 4096, (1 << 20) - 1] {
            assert_eq!(
                decompress(codec, &packed, limit),
                Err(CompressionError::TooLarge { codec, limit }),
                "{codec} {limit}"
            );
        }
        assert_eq!(decompress(codec, &packed, 1 << 20).unwrap(), zeros);
        // Data that does not compress reaches the limit too.
        let noise: Vec<u8> = sample(50_000).split_off(30_000);
        let packed = pack(codec, None, &noise);
        let limit = noise.len() - 1;
        assert_eq!(
            decompress(codec, &packed, limit),
            Err(CompressionError::TooLarge { codec, limit })
        );
    }
}

#[test]
fn data_cut_off_anywhere_is_an_error_and_no_panic() {
    for codec in CODECS {
        let data = sample(3000);
        let packed = pack(codec, None, &data);
        for cut in 0..packed.len() {
            let result = decompress(codec, &packed.slice(..cut), CAP);
            if codec == Compression::Snappy && cut == 16 {
                // A header and no block is a stream of nothing.
                assert_eq!(result.unwrap(), Bytes::new());
                continue;
            }
            // An empty zstd input is no frame at all, which unpacks to nothing.
            let nothing = codec == Compression::Zstd && cut == 0;
            assert!(
                nothing || result.is_err(),
                "{codec} cut at {cut} of {}",
                packed.len()
            );
        }
    }
}

#[test]
fn a_flipped_bit_never_panics_nor_exceeds_the_limit() {
    for codec in CODECS {
        let packed = pack(codec, None, &sample(2000));
        for at in 0..packed.len() {
            for bit in 0..8 {
                let mut wrong = packed.to_vec();
                wrong[at] ^= 1 << bit;
                if let Ok(data) = decompress(codec, &Bytes::from(wrong), 10_000) {
                    assert!(data.len() <= 10_000);
                }
            }
        }
    }
}

#[test]
fn sizes_that_the_data_cannot_have_are_not_believed() {
    // A raw Snappy block of 6 bytes that states 2 GiB.
    let snappy = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x07, 0x00]);
    assert!(matches!(
        decompress(Compression::Snappy, &snappy, usize::MAX),
        Err(CompressionError::Damaged { .. })
    ));
    // A Zstandard frame that states 4 EiB of contents and has an empty block.
    let zstd = Bytes::from_static(&[
        0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0,
    ]);
    assert!(matches!(
        decompress(Compression::Zstd, &zstd, usize::MAX),
        Err(CompressionError::Damaged { .. })
    ));
    // An LZ4 block that states 2 GiB, stored.
    let lz4 = Bytes::from_static(&[
        0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, 0xff, 0xff, 0xff, 0xff, 1,
    ]);
    assert!(matches!(
        decompress(Compression::Lz4, &lz4, usize::MAX),
        Err(CompressionError::Damaged { .. })
    ));
}

#[test]
fn raw_snappy_is_read_too() {
    let data = sample(70_000);
    let raw = snap::raw::Encoder::new().compress_vec(&data).unwrap();
    assert_eq!(
        decompress(Compression::Snappy, &Bytes::from(raw), CAP).unwrap(),
        data
    );
}

#[test]
fn streams_that_follow_each_other_are_one() {
    for codec in CODECS {
        let mut both = pack(codec, None, b"one").to_vec();
        both.extend_from_slice(&pack(codec, None, b"two"));
        assert_eq!(
            decompress(codec, &Bytes::from(both), CAP).unwrap(),
            "onetwo",
            "{codec}"
        );
    }
}

#[test]
fn gzip_headers_with_all_fields_are_skipped() {
    let plain = pack(Compression::Gzip, None, b"contents");
    let mut full = plain[..10].to_vec();
    full[3] = 0x1e;
    full.extend_from_slice(&[3, 0, 9, 9, 9]);
    full.extend_from_slice(b"name\0comment\0\xaa\xbb");
    let fields = full.len();
    full.extend_from_slice(&plain[10..]);
    assert_eq!(
        decompress(Compression::Gzip, &Bytes::from(full.clone()), CAP).unwrap(),
        "contents"
    );
    for cut in 0..fields {
        assert!(
            decompress(
                Compression::Gzip,
                &Bytes::copy_from_slice(&full[..cut]),
                CAP
            )
            .is_err()
        );
    }
}

#[test]
fn lz4_frames_of_others_are_read() {
    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
    use std::io::Write;
    let data = sample(300_000);
    for mode in [BlockMode::Independent, BlockMode::Linked] {
        for size in [
            BlockSize::Max64KB,
            BlockSize::Max256KB,
            BlockSize::Max1MB,
            BlockSize::Max4MB,
        ] {
            for checks in [false, true] {
                let info = FrameInfo::new()
                    .block_mode(mode)
                    .block_size(size)
                    .block_checksums(checks)
                    .content_checksum(checks)
                    .content_size(checks.then_some(data.len() as u64));
                let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
                encoder.write_all(&data).unwrap();
                let frame = encoder.finish().unwrap();
                assert_eq!(
                    decompress(Compression::Lz4, &Bytes::from(frame), CAP).unwrap(),
                    data
                );
            }
        }
    }
}

#[test]
fn only_message_format_0_may_have_a_wrong_lz4_header_checksum() {
    let mut frame = pack(Compression::Lz4, None, b"contents").to_vec();
    frame[6] ^= 0xff;
    let frame = Bytes::from(frame);
    assert_eq!(
        decompress_format_0(Compression::Lz4, &frame, CAP).unwrap(),
        "contents"
    );
    assert_eq!(
        decompress(Compression::Lz4, &frame, CAP),
        Err(CompressionError::Damaged {
            codec: Compression::Lz4,
            problem: "the checksum of the header is wrong"
        })
    );
}

#[test]
fn codecs_are_found_by_their_names_and_numbers() {
    for codec in Compression::ALL {
        assert_eq!(Compression::from_id(codec.id()), Some(codec));
        assert_eq!(Compression::from_name(codec.name()), Some(codec));
        assert_eq!(codec.to_string(), codec.name());
    }
    assert_eq!(Compression::from_id(5), None);
    assert_eq!(Compression::from_id(-1), None);
    assert_eq!(Compression::from_name("GZIP"), None);
}
