// Parses the signatures of index.d.ts at test time, so that no test has an outdated list of exports. The TypeScript compiler
// in use has no JavaScript API. The parser knows the syntax of that file only, and throws for other syntax.

const TOKEN =
  /\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\.)*'|[A-Za-z_$][\w$]*|\d+|=>|\.\.\.|[{}()[\]<>|&:;,?.=*-]/gy

function tokenize(text) {
  const tokens = []
  let newline = false
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at
    const [token] = TOKEN.exec(text) ?? []
    if (token === undefined) throw new SyntaxError(`index.d.ts: not understood: ${text.slice(at, at + 40)}`)
    if (/^(\s|\/\/|\/\*)/.test(token)) newline ||= token.includes('\n')
    else {
      tokens.push({ token, newline, at })
      newline = false
    }
  }
  return tokens
}

const isName = (token) => /^[A-Za-z_$]/.test(token ?? '')
const isString = (token) => token?.startsWith("'")
const REFUSED = ['typeof', 'keyof', 'infer', 'unique', 'asserts', 'abstract', 'new', 'static', 'get', 'set']

/**
 * Reads declarations. Types come as `{ kind: 'union' | 'intersection', of }`, `{ kind: 'array', item }`,
 * `{ kind: 'tuple', items }`, `{ kind: 'object', members }`, `{ kind: 'function', parameters }`,
 * `{ kind: 'literal', value }` and `{ kind: 'name', name, of }`.
 */
export function parse(text) {
  const tokens = tokenize(text)
  let at = 0
  const peek = (ahead = 0) => tokens[at + ahead]?.token
  const next = () => tokens[at++]?.token
  const isNext = (token) => peek() === token
  const take = (token) => isNext(token) && Boolean(next())

  function fail(what) {
    const where = tokens[at]?.at ?? text.length
    const line = text.slice(0, where).split('\n').length
    throw new SyntaxError(`index.d.ts:${line}: ${what}, at '${text.slice(where, where + 40).split('\n')[0]}'`)
  }
  function expect(token) {
    if (!take(token)) fail(`expected '${token}'`)
  }
  function name() {
    return isName(peek()) ? next() : fail('expected a name')
  }
  function list(end, one) {
    const all = []
    while (!take(end)) {
      all.push(one())
      if (!take(',') && !isNext(end)) fail(`expected ',' or '${end}'`)
    }
    return all
  }

  function parameter() {
    const rest = take('...')
    const parameterName = name()
    const optional = take('?')
    expect(':')
    return { name: parameterName, optional, rest, type: type() }
  }
  function parameters() {
    expect('(')
    return list(')', parameter)
  }

  function type() {
    const isFunction = isNext('(') && ([')', '...'].includes(peek(1)) || [':', '?'].includes(peek(2)))
    if (!isFunction) return operators('|', 'union', () => operators('&', 'intersection', postfix))
    const takes = parameters()
    expect('=>')
    type()
    return { kind: 'function', parameters: takes }
  }
  function operators(sign, kind, operand) {
    take(sign)
    const of = [operand()]
    while (take(sign)) of.push(operand())
    return of.length === 1 ? of[0] : { kind, of }
  }
  function postfix() {
    let found = primary()
    // On the next line, a bracket begins the next member.
    while (isNext('[') && !tokens[at].newline) {
      next()
      // Skip an indexed access to a member of another type.
      if (!isNext(']')) type()
      expect(']')
      found = { kind: 'array', item: found }
    }
    return found
  }
  function primary() {
    if (isNext('readonly') && !isNext(';')) {
      next()
      return postfix()
    }
    if (isString(peek())) return { kind: 'literal', value: next().slice(1, -1) }
    if (take('[')) return { kind: 'tuple', items: list(']', tupleItem) }
    if (isNext('{')) return { kind: 'object', members: members() }
    if (take('(')) {
      const inner = type()
      expect(')')
      return inner
    }
    if (REFUSED.includes(peek())) fail('a type that is not understood')
    return qualified()
  }
  // The item may have a name.
  function tupleItem() {
    if (isName(peek()) && peek(1) === ':') at += 2
    return type()
  }
  function qualified() {
    let full = name()
    while (take('.')) full += `.${name()}`
    return { kind: 'name', name: full, of: take('<') ? list('>', type) : [] }
  }

  function members() {
    expect('{')
    const all = []
    while (!take('}')) {
      all.push(member())
      if (!take(';') && !take(',') && !isNext('}') && !tokens[at]?.newline) fail('expected the end of a member')
    }
    return all
  }
  function member() {
    const modifiers = []
    while (['private', 'readonly'].includes(peek()) && peek(1) !== ':' && peek(1) !== '(') modifiers.push(next())
    if (REFUSED.includes(peek()) && isName(peek(1))) fail('a modifier that is not understood')
    const memberName = take('[') ? symbolName() : name()
    const optional = take('?')
    if (take('<')) while (!take('>')) next()
    if (isNext('(')) {
      const takes = parameters()
      if (take(':')) type()
      return { name: memberName, optional, method: true, private: modifiers.includes('private'), parameters: takes }
    }
    expect(':')
    return { name: memberName, optional, method: false, private: modifiers.includes('private'), type: type() }
  }
  function symbolName() {
    const { name: full } = qualified()
    expect(']')
    if (!/^Symbol\.\w+$/.test(full)) fail('a computed name that is no well-known symbol')
    return `[${full}]`
  }
  const heritage = () => {
    const all = []
    if (take('extends'))
      do all.push(qualified())
      while (take(','))
    return all
  }

  function imports() {
    expect('type')
    const names = []
    if (take('*')) {
      expect('as')
      names.push(name())
    } else if (take('{')) names.push(...list('}', name))
    else fail('an import that is not understood')
    expect('from')
    next()
    return names
  }

  const file = { imports: [], functions: {}, interfaces: {}, types: {}, classes: {} }
  function declare(kind, declared, what) {
    const taken = ['functions', 'interfaces', 'types', 'classes'].some((one) => Object.hasOwn(file[one], declared))
    if (taken) fail(`'${declared}' is declared twice`)
    file[kind][declared] = what
  }
  const declarations = {
    function() {
      const declared = name()
      const takes = parameters()
      expect(':')
      type()
      if (Object.hasOwn(file.functions, declared)) {
        file.functions[declared] = { parameters: merged(file.functions[declared].parameters, takes) }
      } else declare('functions', declared, { parameters: takes })
    },
    interface() {
      const declared = name()
      declare('interfaces', declared, { bases: heritage(), members: members() })
    },
    type() {
      const declared = name()
      expect('=')
      declare('types', declared, type())
    },
    class() {
      const declared = name()
      declare('classes', declared, { bases: heritage(), members: members() })
    },
  }
  while (at < tokens.length) {
    if (take('import')) file.imports.push(...imports())
    else {
      expect('export')
      const kind = next()
      if (!Object.hasOwn(declarations, kind)) fail(`'export ${kind}' is not understood`)
      declarations[kind]()
    }
    take(';')
  }
  return file
}

// Merges overloads into one signature that accepts the arguments of each. A parameter takes the name of the later overload.
function merged(some, others) {
  return Array.from({ length: Math.max(some.length, others.length) }, (_, index) => {
    const [one, other] = [some[index], others[index]]
    if (!one || !other) return { ...(one ?? other), optional: true }
    const optional = one.optional || other.optional
    if (one.name === other.name) return { ...other, optional }
    return { ...one, optional, type: { kind: 'union', of: [one.type, other.type] } }
  })
}

/** Returns the names that can be imported at run time. */
export const exportedNames = ({ functions, classes }) => [...Object.keys(functions), ...Object.keys(classes)]
