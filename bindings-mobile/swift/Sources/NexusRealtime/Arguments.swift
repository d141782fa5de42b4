import Foundation
internal import NexusRealtimeFFI

/// The arguments of an event or an acknowledgement, as they go over the wire: decoded when you ask for a type.
///
/// `Data`, at any depth, is no part of the text but an attachment: in its place the text has Socket.IO's placeholder
/// `{"_placeholder":true,"num":0}`, which names it.
public struct Arguments: Sendable, Hashable {
    /// JSON text of the array of arguments.
    public let json: String
    /// The attachments, in the order of their placeholders' numbers.
    public let attachments: [Data]

    /// Arguments that are encoded already. They are checked when they are sent.
    public init(json: String, attachments: [Data] = []) {
        self.json = json
        self.attachments = attachments
    }

    /// No argument.
    public static let none = Arguments(json: "[]")

    /// Encodes values.
    ///
    /// - Throws: what the values or the encoder throw.
    public init(encoding values: [any Encodable & Sendable], with encoder: JSONEncoder = JSONEncoder()) throws {
        guard !values.isEmpty else {
            self = .none
            return
        }
        let attachments = Locked<[Data]>([])
        encoder.dataEncodingStrategy = .custom { data, encoder in
            let number = attachments.withLock { attachments in
                attachments.append(data)
                return attachments.count - 1
            }
            try Placeholder(num: number).encode(to: encoder)
        }
        let text = try encoder.encode(Values(values: values))
        self.init(json: String(decoding: text, as: UTF8.self), attachments: attachments.withLock { $0 })
    }

    /// Decodes all arguments, of one type.
    ///
    /// - Throws: `DecodingError`.
    public func decodeAll<Value: Decodable>(
        as type: Value.Type = JSONValue.self, with decoder: JSONDecoder = JSONDecoder()
    ) throws -> [Value] {
        prepare(decoder)
        return try decoder.decode([Value].self, from: Data(json.utf8))
    }

    /// Decodes one argument. Further ones are ignored; an optional is `nil` if there is none. `Data` is taken from the
    /// attachments, and from Base64 text.
    ///
    /// - Throws: `DecodingError`.
    public func decode<Value: Decodable>(
        _ type: Value.Type = Value.self, at index: Int = 0, with decoder: JSONDecoder = JSONDecoder()
    ) throws -> Value {
        prepare(decoder)
        decoder.userInfo[.argument] = index
        return try decoder.decode(Argument<Value>.self, from: Data(json.utf8)).value
    }

    private func prepare(_ decoder: JSONDecoder) {
        let attachments = attachments
        decoder.dataDecodingStrategy = .custom { decoder in
            guard let placeholder = try? Placeholder(from: decoder) else {
                let container = try decoder.singleValueContainer()
                guard let data = Data(base64Encoded: try container.decode(String.self)) else {
                    throw DecodingError.dataCorruptedError(in: container, debugDescription: "neither data nor Base64 text")
                }
                return data
            }
            guard placeholder._placeholder, attachments.indices.contains(placeholder.num) else {
                let context = DecodingError.Context(codingPath: decoder.codingPath, debugDescription: "no such attachment")
                throw DecodingError.dataCorrupted(context)
            }
            return attachments[placeholder.num]
        }
    }
}

/// What stands for an attachment (Socket.IO protocol v5, "Sending and receiving data").
struct Placeholder: Codable {
    var _placeholder = true
    let num: Int
}

/// The array of arguments. Each is encoded with its own type, so that the encoder knows data for data.
private struct Values: Encodable {
    let values: [any Encodable & Sendable]

    func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        for value in values {
            try container.encode(value)
        }
    }
}

extension CodingUserInfoKey {
    fileprivate static let argument = CodingUserInfoKey(rawValue: "nexus.argument")!
}

/// One argument of the array.
private struct Argument<Value: Decodable>: Decodable {
    let value: Value

    init(from decoder: any Decoder) throws {
        let index = decoder.userInfo[.argument] as? Int ?? 0
        var container = try decoder.unkeyedContainer()
        while container.currentIndex < index, !container.isAtEnd {
            _ = try container.decode(Skipped.self)
        }
        if container.isAtEnd, let absent = Value.self as? any Absent.Type, let value = absent.absent as? Value {
            self.value = value
        } else {
            value = try container.decode(Value.self)
        }
    }
}

private struct Skipped: Decodable {
    init(from decoder: any Decoder) {}
}

private protocol Absent {
    static var absent: Any { get }
}

extension Optional: Absent {
    fileprivate static var absent: Any { Self.none as Any }
}

/// How values become arguments, and back.
struct Coding: Sendable {
    let makeEncoder: @Sendable () -> JSONEncoder
    let makeDecoder: @Sendable () -> JSONDecoder

    func encode(_ values: [any Encodable & Sendable]) throws -> Arguments {
        try Arguments(encoding: values, with: makeEncoder())
    }

    func decode<Value: Decodable>(
        _ type: Value.Type, at index: Int, of arguments: Arguments, namespace: String, event: String
    ) throws -> Value {
        try described(namespace, event, expected: "\(type)") {
            try arguments.decode(type, at: index, with: makeDecoder())
        }
    }

    func decodeAll<Value: Decodable>(
        _ type: Value.Type, of arguments: Arguments, namespace: String, event: String
    ) throws -> [Value] {
        try described(namespace, event, expected: "arguments of \(type)") {
            try arguments.decodeAll(as: type, with: makeDecoder())
        }
    }

    private func described<Value>(
        _ namespace: String, _ event: String, expected: String, _ decode: () throws -> Value
    ) throws -> Value {
        do {
            return try decode()
        } catch {
            throw RealtimeError.decoding(
                namespace: namespace, event: event, expected: expected, message: Self.describe(error))
        }
    }

    /// Where, and why; never the data.
    private static func describe(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return String(describing: error) }
        let context =
            switch error {
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
                .dataCorrupted(let context):
                context
            @unknown default:
                DecodingError.Context(codingPath: [], debugDescription: "not decodable")
            }
        let path = context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
        return path.isEmpty ? context.debugDescription : "\(path): \(context.debugDescription)"
    }
}

extension Arguments {
    init(_ payload: NexusRealtimeFFI.Payload) {
        self.init(json: payload.json, attachments: payload.attachments)
    }

    var foreign: NexusRealtimeFFI.Payload {
        NexusRealtimeFFI.Payload(json: json, attachments: attachments)
    }
}
