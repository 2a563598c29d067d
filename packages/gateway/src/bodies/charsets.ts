import { AAuthError } from 'countersign/resource'

/**
 * Encodings in which an ASCII character is always its own byte, and in which that byte is never part of another character. UTF-16 and UTF-32
 * are detected by their zero bytes.
 */
const readableCharset =
  /^(?:utf-?8|utf-?(?:16|32)(?:[bl]e)?|(?:us-)?ascii|iso-?8859-?\d{1,2}|latin-?\d|(?:windows|cp)-?125\d|cp(?:437|85\d|86\d)|koi8-?[ru]|euc-?(?:jp|kr|tw)|macintosh|tis-?620)$/i

/** Encodings in which a byte of a character may be an ASCII quote, bracket or backslash. */
const multibyteCharset =
  /^(?:shift-?jis|sjis|windows-?(?:31j|949)|cp9(?:32|36|49|50)|gb(?:k|2312|18030)|big5(?:-?hkscs)?)$/i

/** The names of the encodings in a type, wherever they occur. `_` is another spelling of `-`. */
export function charsetsOf(type: string): string[] {
  const named = type.matchAll(/charset(?:\s*=\s*"?([^\s";,]*))?/gi)
  return Array.from(named, ([, charset = '']) => charset.replaceAll('_', '-'))
}

/** Whether a type names an encoding in which ASCII bytes may be part of other characters. */
export function isMultibyte(type: string): boolean {
  return charsetsOf(type).some((charset) => multibyteCharset.test(charset))
}

/**
 * Refuses other encodings, because a body that is read in one of them may be JSON or a form without any ASCII letters.
 *
 * @throws AAuthError `media_type_unsupported`
 */
export function requireReadableCharsets(type: string): void {
  const isReadable = (charset: string) => readableCharset.test(charset) || multibyteCharset.test(charset)
  if (!charsetsOf(type).every(isReadable)) throw new AAuthError('media_type_unsupported', 'Send text in UTF-8.')
}
