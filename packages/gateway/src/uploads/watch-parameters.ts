import { AAuthError } from 'countersign/resource'
import { lettersOf } from '../fields/plain-name.js'
import { requirePlainParameter } from '../routes/require-plain-fields.js'
import type { Watch } from './watch.js'

/** Most of a name that is looked at. */
const longestName = 1_048_576

/** More letters than any name has that is looked for. */
const manyLetters = 100

/** Names and values as in a query. */
export function watchParameters(): Watch {
  let name = ''
  let isValue = false

  function endName(): void {
    requirePlainParameter(name)
    name = ''
    isValue = false
  }

  return {
    push(chunk) {
      for (const [at, part] of Buffer.from(chunk).toString('latin1').split(/[&;]/).entries()) {
        if (at > 0) endName()
        if (isValue) continue
        const mark = part.indexOf('=')
        isValue = mark !== -1
        name += isValue ? part.slice(0, mark) : part
        if (name.length <= longestName) continue
        requirePlainParameter(name)
        if (lettersOf(name.replaceAll(/%../g, '')).length < manyLetters)
          throw new AAuthError('media_type_unsupported', 'This is no form: say with Content-Type what it is.')
        isValue = true
      }
    },
    end: endName,
  }
}
