import { parseAst } from 'vitest/node'

/** Methods that are easily confused with their opposite. */
const opposites = new Map(
  [
    ['some', 'every'],
    ['startsWith', 'endsWith'],
    ['indexOf', 'lastIndexOf'],
    ['find', 'findLast'],
    ['push', 'unshift'],
    ['shift', 'pop'],
    ['min', 'max'],
    ['floor', 'ceil'],
    ['all', 'race'],
    ['toLowerCase', 'toUpperCase'],
    ['trimStart', 'trimEnd'],
  ].flatMap(([one, other]) => [
    [one, other],
    [other, one],
  ]),
)

/** Methods that return a value of the same type as their receiver: without the call, the program still runs. */
const filters = new Set(
  `filter slice trim toLowerCase toUpperCase normalize sort toSorted reverse flat replace replaceAll concat catch
  where limit forUpdate orderBy`.split(/\s+/),
)

const comparisons = new Map([
  ['<', '<='],
  ['<=', '<'],
  ['>', '>='],
  ['>=', '>'],
  ['===', '!=='],
  ['!==', '==='],
])

const arithmetic = new Map([
  ['+', '-'],
  ['-', '+'],
  ['*', '/'],
  ['/', '*'],
  ['%', '*'],
])

/**
 * Every small change of a module that this sampler supports.
 *
 * @param {string} source of an ES module
 * @returns {{ kind: string, start: number, end: number, replacement: string, inFunction: boolean }[]} by position; `inFunction` is false
 * for code that runs once, when the module is loaded
 */
export function mutationsOf(source) {
  const found = []
  walk(parseAst(source), undefined, false)
  const valid = found.filter(({ start, end, replacement }) => source.slice(start, end) !== replacement)
  return valid.sort((a, b) => a.start - b.start || a.end - b.end || (a.kind < b.kind ? -1 : 1))

  function walk(node, parent, inFunction) {
    if (!inFunction && parent?.type === 'VariableDeclarator' && isNameTable(node)) return
    const propose = (kind, { start, end }, replacement) => found.push({ kind, start, end, replacement, inFunction })
    for (const mutate of byType[node.type] ?? []) mutate({ node, parent, source, propose })
    const isFunction = /Function/.test(node.type)
    for (const [key, child] of Object.entries(node)) {
      if (isStaticName(node, key)) continue
      for (const each of Array.isArray(child) ? child : [child])
        if (typeof each?.type === 'string') walk(each, node, inFunction || isFunction)
    }
  }
}

/**
 * Whether a value is a table of names, such as `{ id: true, store: true, fetch: true }`, whose values no code reads. Objects with one or two
 * members are usually options, such as `{ allowPath: true }`.
 */
function isNameTable({ type, properties }) {
  if (type !== 'ObjectExpression') return false
  const values = properties.flatMap((each) => (each.type === 'Property' ? [each.value] : []))
  return properties.length > 2 && values.every(({ value }) => value === true)
}

/** @returns {string} the module with one mutation */
export function applyMutation(source, { start, end, replacement }) {
  return source.slice(0, start) + replacement + source.slice(end)
}

/** @returns {boolean} whether the module still parses */
export function isValidModule(source) {
  try {
    parseAst(source)
    return true
  } catch {
    return false
  }
}

const byType = {
  IfStatement: [negateTest, removeGuard],
  ConditionalExpression: [negateTest],
  LogicalExpression: [changeLogic],
  BinaryExpression: [changeOperator],
  Literal: [changeLiteral],
  ExpressionStatement: [removeStatement],
  AwaitExpression: [({ node, source, propose }) => propose('await removed', node, textOf(source, node.argument))],
  MemberExpression: [requireMember, swapMethod],
  CallExpression: [requireMember, removeCall],
  ArrayExpression: [removeElement],
  AssignmentPattern: [({ node, source, propose }) => propose('default removed', node, textOf(source, node.left))],
}

function textOf(source, { start, end }) {
  return source.slice(start, end)
}

/** Names of members and modules are not values. */
function isStaticName(node, key) {
  if (key === 'source' && /^(?:Import|Export)/.test(node.type)) return true
  return !node.computed && (key === 'key' || (key === 'property' && node.type === 'MemberExpression'))
}

function negateTest({ node: { test }, source, propose }) {
  propose('condition negated', test, `!(${textOf(source, test)})`)
}

function removeGuard({ node, propose }) {
  const { consequent, alternate } = node
  const last = consequent.type === 'BlockStatement' ? consequent.body.at(-1) : consequent
  const leaves = ['ReturnStatement', 'ThrowStatement', 'ContinueStatement', 'BreakStatement'].includes(last?.type)
  if (leaves && !alternate) propose('guard removed', node, ';')
}

function changeLogic({ node, source, propose }) {
  const { left, right, operator } = node
  if (operator === '??') return propose('?? dropped', node, `(${textOf(source, left)})`)
  propose(operator === '&&' ? '&& to ||' : '|| to &&', operatorOf(source, node), operator === '&&' ? '||' : '&&')
  propose('right side dropped', node, `(${textOf(source, left)})`)
  propose('left side dropped', node, `(${textOf(source, right)})`)
}

function operatorOf(source, { left, right, operator }) {
  const start = source.indexOf(operator, left.end)
  if (start < 0 || start >= right.start) throw new Error(`no ${operator} between two operands`)
  return { start, end: start + operator.length }
}

function changeOperator({ node, source, propose }) {
  const { operator, left, right } = node
  if (comparisons.has(operator)) propose('comparison changed', operatorOf(source, node), comparisons.get(operator))
  const isText = [left, right].some(({ type, value }) => type === 'TemplateLiteral' || typeof value === 'string')
  if (arithmetic.has(operator) && !isText)
    propose('arithmetic changed', operatorOf(source, node), arithmetic.get(operator))
}

function changeLiteral({ node, parent, source, propose }) {
  const { value, regex } = node
  if (regex) changePattern(node, propose)
  else if (typeof value === 'boolean') propose('boolean flipped', node, String(!value))
  else if (typeof value === 'number') {
    // One direction per position, so that numbers do not dominate the sample.
    const by = value === 0 || node.start % 2 === 0 ? 1 : -1
    propose('number moved by one', node, String(value + by))
  } else if (typeof value === 'string' && isName(value) && parent?.type !== 'ExpressionStatement')
    propose('string emptied', node, source[node.start] === '`' ? '``' : "''")
}

/** A text with spaces is a sentence, whose exact words no test is required to check. */
function isName(text) {
  return text !== '' && !/\s/.test(text.trim())
}

function changePattern({ start, end, regex: { pattern, flags } }, propose) {
  const write = (changed, changedFlags = flags) => `/${changed || '(?:)'}/${changedFlags}`
  if (pattern.startsWith('^')) propose('anchor removed', { start, end }, write(pattern.slice(1)))
  if (/(?<!\\)\$$/.test(pattern)) propose('anchor removed', { start, end }, write(pattern.slice(0, -1)))
  if (flags.includes('i')) propose('case flag removed', { start, end }, write(pattern, flags.replace('i', '')))
}

function removeStatement({ node, propose }) {
  const { expression, directive } = node
  const isSuper = expression.type === 'CallExpression' && expression.callee.type === 'Super'
  if (directive === undefined && !isSuper) propose('statement removed', node, ';')
}

function requireMember({ node, source, propose }) {
  if (!node.optional) return
  const start = source.indexOf('?.', (node.object ?? node.callee).end)
  const isPlain = node.type === 'MemberExpression' && !node.computed
  propose('?. made strict', { start, end: start + 2 }, isPlain ? '.' : '')
}

function swapMethod({ node, parent, propose }) {
  const { property, computed } = node
  const opposite = computed ? undefined : opposites.get(property.name)
  if (opposite && parent?.type === 'CallExpression' && parent.callee === node)
    propose('method swapped', property, opposite)
}

function removeCall({ node, source, propose }) {
  const { callee } = node
  if (callee.type === 'MemberExpression' && !callee.computed && filters.has(callee.property.name))
    propose('call dropped', node, textOf(source, callee.object))
}

/** Only for tables: lists of literals, or of such lists. */
function removeElement({ node, propose }) {
  const { elements } = node
  if (elements.length < 2 || !elements.every((element) => element && isConstant(element))) return
  elements.forEach((element, index) => {
    const next = elements[index + 1]
    const start = next ? element.start : elements[index - 1].end
    propose('element removed', { start, end: next ? next.start : element.end }, '')
  })
}

function isConstant({ type, elements }) {
  return (
    type === 'Literal' || (type === 'ArrayExpression' && elements.every((element) => element && isConstant(element)))
  )
}
