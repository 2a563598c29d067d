import { AAuthError } from 'countersign/resource'
import { type FieldCheck, mayNameMethod } from '../routes/field-check.js'
import { unescaped } from '../routes/lenient-decoding.js'
import { isUrlName } from '../routes/nested-urls.js'
import { isPrototypeName, requirePlainName } from '../routes/require-plain-fields.js'
import { JsonScanner, longestText } from './json-scanner.js'
import type { Watch } from './watch-form.js'

/**
 * Creates a scanner that checks each top-level member, and each member of an object in an array, as the requests in a batch are. Relevant
 * names are shorter than the scanner's limit, and longer URLs are refused.
 */
export function scanMembers(fields: FieldCheck): JsonScanner {
  /** Whether the next value belongs to a member that may be the URL of a request in a batch. */
  let isUrl = false
  /** The member of the outermost object whose value is next, if that member may specify the method. */
  let methodName: string | undefined

  function endValue(): void {
    isUrl = false
    methodName = undefined
  }

  function readName(name: string): void {
    const isOutermost = scanner.depth === 1
    if (isOutermost || isPrototypeName(name)) requirePlainName(name)
    isUrl = scanner.isItem && isUrlName(name)
    if (isOutermost && mayNameMethod(name)) methodName = name
  }

  function readValue(text: string): void {
    if (isUrl) fields.url(text.length < longestText ? unescaped(text) : undefined)
    if (methodName !== undefined) fields.methodField(methodName, unescaped(text), { isMember: true })
  }

  const scanner = new JsonScanner({
    string: (isName) => (isName ? scanner.depth === 1 || scanner.isItem : isUrl || methodName !== undefined),
    endString(text, isName) {
      if (isName) {
        endValue()
        if (text !== undefined) readName(unescaped(text))
      } else {
        if (text !== undefined) readValue(text)
        endValue()
      }
    },
    bare: endValue,
    open(isArray) {
      // An array that is used as a URL becomes its joined items.
      if (isUrl && isArray) fields.url(undefined)
      endValue()
    },
  })
  return scanner
}

/** Inspects a body whose type is JSON. Anything that strict parsers reject is refused. */
export function watchJson(fields: FieldCheck): Watch {
  const scanner = scanMembers(fields)

  function requireValid(): void {
    if (scanner.isInvalid)
      throw new AAuthError(
        'request_malformed',
        'The body is not valid JSON: complete it, remove comments and trailing commas, and write names and strings in double quotes.',
      )
  }

  return {
    push(chunk) {
      if (chunk.includes(0)) throw new AAuthError('media_type_unsupported', 'Send JSON in UTF-8.')
      scanner.push(chunk)
      requireValid()
    },
    end() {
      scanner.end()
      requireValid()
    },
  }
}
