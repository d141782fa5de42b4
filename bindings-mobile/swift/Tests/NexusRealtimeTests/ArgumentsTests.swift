import NexusRealtime
import XCTest

private struct Message: Codable, Hashable, Sendable {
    var id: Int
    var text: String?
    var picture: Data
    var pages: [Data] = []
}

final class ArgumentsTests: XCTestCase {
    func testDataBecomesAttachmentsInTheOrderOfTheirNumbers() throws {
        let message = Message(id: 1, text: nil, picture: Data([1, 2]), pages: [Data(), Data([3])])
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let arguments = try Arguments(encoding: ["a", message, Data([9])], with: encoder)
        XCTAssertEqual(arguments.attachments.count, 4)
        let values: [JSONValue] = try JSONDecoder().decode([JSONValue].self, from: Data(arguments.json.utf8))
        XCTAssertEqual(values[0], "a")
        guard case .integer(let number) = values[2]["num"] else { return XCTFail(arguments.json) }
        XCTAssertEqual(values[2]["_placeholder"], true)
        XCTAssertEqual(arguments.attachments[Int(number)], Data([9]))
        XCTAssertEqual(try arguments.decode(Message.self, at: 1), message)
        XCTAssertEqual(try arguments.decode(Data.self, at: 2), Data([9]))
        XCTAssertEqual(try arguments.decodeAll()[2], .data(Data([9])))
    }

    func testEveryJSONValueComesBackAsItWas() throws {
        let values: [JSONValue] = [
            nil, true, false, 0, -1, 9_007_199_254_740_991, 2.5, "", "größer \u{2028}\u{0}\"\\🚀", [], [:], [1, [nil, "a"]],
            ["a": ["b": nil], "_placeholder": "text"], .data(Data([0, 255])), ["deep": [.data(Data())]],
        ]
        XCTAssertEqual(try Arguments(encoding: values).decodeAll(), values)
    }

    func testNoArgumentIsNilOfAnOptionalAndAnErrorOtherwise() throws {
        XCTAssertEqual(try Arguments(encoding: []), .none)
        XCTAssertNil(try Arguments.none.decode(String?.self))
        XCTAssertNil(try Arguments(json: "[null]").decode(String?.self))
        XCTAssertNil(try Arguments(json: "[1]").decode(String?.self, at: 7))
        XCTAssertThrowsError(try Arguments.none.decode(String.self))
        XCTAssertThrowsError(try Arguments(json: "[1]").decode(String?.self))
    }

    func testPlaceholdersWithoutAttachmentAreRefused() {
        for json in [
            #"[{"_placeholder":true,"num":1}]"#, #"[{"_placeholder":true,"num":-1}]"#, #"[{"_placeholder":false,"num":0}]"#,
            #"[7]"#, #"["no base64!"]"#,
        ] {
            XCTAssertThrowsError(try Arguments(json: json, attachments: [Data()]).decode(Data.self), json)
        }
        XCTAssertEqual(try Arguments(json: #"["AQI="]"#).decode(Data.self), Data([1, 2]))
    }

    func testAPlaceholderWithoutAttachmentsIsTheObjectThatItLooksLike() throws {
        let value = try Arguments(json: #"[{"_placeholder":true,"num":0}]"#).decode(JSONValue.self)
        XCTAssertEqual(value, ["_placeholder": true, "num": 0])
    }

    func testEncodersAndDecodersOfTheApplicationAreHeeded() throws {
        struct Note: Codable, Equatable { let sentAt: Date; let smallPicture: Data }
        let (encoder, decoder) = (JSONEncoder(), JSONDecoder())
        encoder.dateEncodingStrategy = .secondsSince1970
        encoder.keyEncodingStrategy = .convertToSnakeCase
        decoder.dateDecodingStrategy = .secondsSince1970
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let note = Note(sentAt: Date(timeIntervalSince1970: 5), smallPicture: Data([1]))
        let arguments = try Arguments(encoding: [NoteBox(note: note)], with: encoder)
        XCTAssertTrue(arguments.json.contains("sent_at"), arguments.json)
        XCTAssertEqual(try arguments.decode(NoteBox<Note>.self, with: decoder).note, note)
    }
}

private struct NoteBox<Note: Codable>: Codable, @unchecked Sendable { let note: Note }
