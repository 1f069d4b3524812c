// What Java's Values reads from texts and writes of what it read, one JSON line each: connect/testdata/header-values.jsonl.
//
// Run with connect-api and kafka-clients on the class path and -Duser.timezone=UTC, because Java's dates have the zone of their host.

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.storage.SimpleHeaderConverter;

public class HeaderValues {
    static final String[] WHOLE = {
        "", " ", "   ", "\t", "null", " null ", "nullx", "null,", "NULL", "true", "false", " true", "true}", "True", "truefalse",
        "0", "-0", "+0", "1", "-1", "127", "128", "-128", "-129", "32767", "32768", "2147483647", "2147483648", "-2147483649",
        "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "1.0", "1.", ".5", "-.5", "+.5", "1e3",
        "1E+3", "1e-3", "1e", "1e+", "e1", "1.5e10", "3.14", "0.1", "-0.0", "0.000", "1.50", "100.00", "1e18", "1e19", "1e20", "1e38", "1e39",
        "3.5e38", "1e308", "1e309", "1.5e309", "1e-400", "123456789012345678901234567890", "1234567890123456789012345678901234567890",
        "1.23456789012345678901234567890", "16777217.5", "0x10", "1f", "1d", "1L", "1_000", "--1", "+-1", "-", "+", ".", "-.", "1.2.3", "1 2", " 12 ",
        "12abc", "1,2", "1:2", "1 , x", "12:30", "-1,x", "1]", "1}", "1\"", "1\\,2", "NaN", "Infinity", "-Infinity",
        "2020-01-01", "2020-12-31", "2020-13-45", "2020-02-30", "1969-12-31", "0001-01-01", "1582-10-04", "1582-10-15", "1500-06-15", "1-1-1abcde",
        "555-1-1234", "555-123-12", "9999-99-99", "2020-1-1", "2020-01-0x", "2020/01/01", "20-01-2020", "  20-01-01", "2020- 1- 1", "2020--1-01",
        "2020-01--1", "12:34:56.789Z", "00:00:00.000Z", "23:59:59.999Z", "24:00:00.000Z", "99:99:99.999Z", "1:02:03.5678Z", "12:34:56.789X",
        "12:34:56,789Z", "12\\:34\\:56.789Z", "12:34:56.789Z,x", "12:34:56.789", "2020-01-01T12:34:56.789Z", "1960-01-01T12:34:56.789Z",
        "2020-01-01T00:00:00.000Z", "2020-01-01T12\\:34\\:56.789Z", "2020-01-01T12:34:56.789+", "2020-01-01t12:34:56.789Z", "2020-01-01,x", "2020-01-01 ",
        " 2020-01-01", "2020-01-01T12:34:56.789Zx", "2020-01-01T12:34:56Z", "99999999999-1-1T1:1:1.1Z", "1234567890",
        "[]", "{}", "[ ]", "{ }", " [] ", "[1]", "[1,2,3]", "[1, 2, 3]", " [ 1 , 2 ] ", "[1,]", "[,1]", "[1,,2]", "[,]", "[1 2]", "[1", "1]", "[", "]", "{", "}",
        "[1,300]", "[300,1]", "[1,70000]", "[1,3000000000]", "[1,1.5]", "[1.5,1]", "[3000000000,1.5]", "[16777217,1.5]", "[1.5,1e300]", "[1e300,1.5]", "[1,1e300]",
        "[1,\"a\"]", "[\"a\",1]", "[true,false]", "[true,1]", "[null]", "[null,null]", "[1,null]", "[null,1]", "[\"a\",null]", "[a]", "[\"a\"]", "[\"a\",\"b\"]",
        "[\"a\" , \"b\"]", "[ \"a b\" ]", "[\" a \"]", "[\"\"]", "[\"  \"]", "[\"a, b\"]", "[\"a:  :b\"]", "[\"a\\\"b\"]", "[\"a\\\\\"]", "[\"a\\\\\\\"b\"]", "[\"a]",
        "[\"a\"b]", "[[1],[2]]", "[[1],[300]]", "[[1],[\"a\"]]", "[[],[1]]", "[[1],[]]", "[[[]]]", "[[1,2],[3,4]]", "[{},{}]", "[{},1]", "[1,{}]",
        "[\"2020-01-01\"]", "[2020-01-01]", "[\"2020-01-01\",1]", "[1,\"2020-01-01\"]", "[\"2020-01-01\",100000]", "[100000,\"2020-01-01\"]",
        "[\"2020-01-01\",\"12:34:56.789Z\"]", "[\"12:34:56.789Z\",5]", "[5,\"12:34:56.789Z\"]", "[100000000,\"12:34:56.789Z\"]", "[\"2020-01-01T12:34:56.789Z\",5]",
        "[5000000000,\"2020-01-01T12:34:56.789Z\"]", "[\"2020-01-01\",\"2020-01-01T12:34:56.789Z\"]", "[\"2020-01-01\",1.5]", "[1.5,\"2020-01-01\"]",
        "[\"12:34:56.789Z\"]", "[12:34:56.789Z]", "[2020-01-01T12:34:56.789Z]", "[\"-123-01-01\"]", "[\"2020-01-01\",\"x\"]", "[1e400]", "[1e400,1.5e400]",
        "[99999999999999999999]", "[99999999999999999999,1]", "[1,99999999999999999999]", "[12:30]", "[+5]", "[-5]", "[ 5]", "[5 ]", "[1.0,2.0]",
        "{1:2}", "{\"a\":1}", "{\"a\":1,\"b\":2}", "{ \"a\" : 1 , \"b\" : 2 }", "{\"a\":1,\"b\":300}", "{\"a\":1,\"b\":\"x\"}", "{\"a\":null}", "{\"a\":null,\"b\":1}",
        "{\"a\":1,\"b\":null}", "{\"a\":1 \"b\":2}", "{\"a\":1\"b\":2}", "{\"a\":1,,\"b\":2}", "{\"a\":1,}", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":,}", "{:1}", "{null:1}",
        "{a:1}", "{\"a\":b}", "{1:1,\"a\":2}", "{1:1,1.5:2}", "{1:\"a\",300:\"b\"}", "{1:\"a\",1:\"b\"}", "{1:\"a\",1.0:\"b\"}", "{\"a\":1", "{\"a\"", "{\"a\":{\"b\":{}}}",
        "{\"a\":[1,2]}", "{[1]:2}", "{{}:1}", "{true:false}", "{\"2020-01-01\":1}", "{\"a\":2020-01-01}", "{\"a\":12:34:56.789Z}", "{\"a\":\"12:34:56.789Z\"}",
        "{\"a\":\"2020-01-01\",\"b\":5}", "{1:null,\"a\":null}", "{1:2}x", "[1]x", "[1],2", "{\"a\":1},", "  [x", "  {x", "x[1]", " x ",
        "\"abc\"", "\"", "\"\"", "'a'", "a:b", "a,b", "a\\", "\\", "\\\\", "\\[", "\\\"x\\\"", "[\\]", "gr\u00fcn", "\u65e5\u672c", "\ud83d\ude00", "[\"\ud83d\ude00\"]",
        "1\u00fc", "a\u0000b", "\u0000", "a\nb", "[1,\n2]", "\u00a01", "\u00a0",
    };

    static final String[] PARTS = {
        "[", "]", "{", "}", ",", ":", "\"", "[", "]", "{", "}", ",", ":", "\"", " ", "  ", "\\", "1", "-7", "300", "70000", "3000000000", "1.5", "2.0", "1e39", "1e400",
        "a", "b c", "null", "true", "false", "2020-01-01", "12:34:56.789Z", "2020-01-01T12:34:56.789Z", "\"a\"", "\"b\"", "\"2020-01-01\"", "[]", "{}", "1,", "\"k\":",
    };

    static String quote(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }

    static String show(Object value) {
        if (value == null) return "null";
        if (value instanceof Byte) return "i8:" + value;
        if (value instanceof Short) return "i16:" + value;
        if (value instanceof Integer) return "i32:" + value;
        if (value instanceof Long) return "i64:" + value;
        if (value instanceof Float) return String.format("f32:%08x", Float.floatToRawIntBits((Float) value));
        if (value instanceof Double) return String.format("f64:%016x", Double.doubleToRawLongBits((Double) value));
        if (value instanceof Boolean) return value.toString();
        if (value instanceof String) return quote((String) value);
        if (value instanceof byte[]) {
            StringBuilder out = new StringBuilder("x");
            for (byte b : (byte[]) value) out.append(String.format("%02x", b));
            return out.toString();
        }
        if (value instanceof java.math.BigDecimal) {
            java.math.BigDecimal decimal = (java.math.BigDecimal) value;
            return "dec:" + decimal.unscaledValue() + "/" + decimal.scale();
        }
        if (value instanceof java.util.Date) return "date:" + ((java.util.Date) value).getTime();
        if (value instanceof List) {
            List<String> items = new ArrayList<>();
            for (Object item : (List<?>) value) items.add(show(item));
            return "[" + String.join(",", items) + "]";
        }
        List<String> entries = new ArrayList<>();
        for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) entries.add(show(entry.getKey()) + "=>" + show(entry.getValue()));
        Collections.sort(entries);
        return "{" + String.join(",", entries) + "}";
    }

    static String show(Schema schema) {
        if (schema == null) return "null";
        StringBuilder out = new StringBuilder(schema.type().toString());
        if (schema.isOptional()) out.append('?');
        if (schema.name() != null) out.append(" name=").append(quote(schema.name()));
        if (schema.version() != null) out.append(" version=").append(schema.version());
        if (schema.parameters() != null) {
            for (Map.Entry<String, String> entry : new TreeMap<>(schema.parameters()).entrySet()) {
                out.append(' ').append(quote(entry.getKey())).append(':').append(quote(entry.getValue()));
            }
        }
        if (schema.type() == Schema.Type.ARRAY) out.append('<').append(show(schema.valueSchema())).append('>');
        if (schema.type() == Schema.Type.MAP) out.append('<').append(show(schema.keySchema())).append(',').append(show(schema.valueSchema())).append('>');
        return out.toString();
    }

    static void line(String text) {
        SimpleHeaderConverter converter = new SimpleHeaderConverter();
        SchemaAndValue read = converter.toConnectHeader("t", "h", text.getBytes(java.nio.charset.StandardCharsets.UTF_8));
        if (read == null) read = SchemaAndValue.NULL;
        byte[] written = converter.fromConnectHeader("t", "h", read.schema(), read.value());
        String back = written == null ? "null" : quote(new String(written, java.nio.charset.StandardCharsets.UTF_8));
        System.out.println("{\"in\":" + quote(text) + ",\"schema\":" + quote(show(read.schema())) + ",\"value\":" + quote(show(read.value())) + ",\"out\":" + back + "}");
    }

    public static void main(String[] args) throws Exception {
        System.setOut(new java.io.PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), true, "UTF-8"));
        for (String text : WHOLE) line(text);
        Random random = new Random(42);
        for (int i = 0; i < 1500; i++) {
            StringBuilder text = new StringBuilder();
            if (random.nextInt(3) > 0) text.append(random.nextBoolean() ? "[" : "{");
            int parts = 1 + random.nextInt(9);
            for (int part = 0; part < parts; part++) text.append(PARTS[random.nextInt(PARTS.length)]);
            if (random.nextInt(3) > 0) text.append(text.charAt(0) == '{' ? "}" : "]");
            line(text.toString());
        }
    }
}
