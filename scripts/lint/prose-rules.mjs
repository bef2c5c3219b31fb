// The rules of markdownlint for the sentences of this project. `npm run prose` runs them over pages, comments and
// messages. Each rule matches patterns that can be named exactly; how a good sentence looks is in CONTRIBUTING.md.
import { sentencesOf } from './sentences.mjs'

/** @import { Rule } from 'markdownlint' */
/** @import { Sentence } from './sentences.mjs' */

const PRONOUN = '(?:which|whom|what)'

const DENIED = '(?:(?:do|does|did|is|are|was|were|has|have|had) not|cannot)'

/** @type {{ name: string, says: string, faults: RegExp[], question?: boolean }[]} */
const SENTENCES = [
  {
    name: 'prose-opening',
    says: 'begins with "What", "Who", "Of which" or the like and asks nothing: put the subject first',
    faults: [
      /^(?:[Ww]hat|Whatever|[Ww]ho|[Ww]hoever|Whom|Whose|Nor)\b/,
      new RegExp(`^(?:As|At|By|For|From|In|Of|On|To|Under|With) ${PRONOUN}\\b`),
      /^Of (?:an?|it|its|them|each|every|these|those|all|both)\b/,
      /^So (?:is|are|does|has|was|were|had)\b/,
      /^Beside\b/,
    ],
    question: true,
  },
  {
    name: 'prose-cannot',
    says: 'has two words where "cannot" is one',
    faults: [/\bcan not\b(?! only)/i],
  },
  {
    name: 'prose-double-negative',
    says: 'denies twice: say the positive fact',
    faults: [
      /\b(?:not|never|nor) un(?!der|til|ion|iq|ifor|iver|less|its?\b|do|defined)[a-z]+/i,
      new RegExp(`\\b(?:no|not an?) [\\w-]+ (?:that|which|who) ${DENIED}`, 'i'),
      new RegExp(`\\b(?:nobody|none|nothing) (?:that|which|who) ${DENIED}`, 'i'),
      /\b(?:never|not) without\b/i,
    ],
  },
  {
    name: 'prose-clipped',
    says: 'has a phrase that has to be read twice',
    faults: [/\bnobody who\b/i, /\bto be had\b/i, /\bgo(?:es)? down with\b/i, /\bdies? away\b/i],
  },
]

/** @type {Rule[]} */
export const rules = SENTENCES.map(({ name, says, faults, question }) => ({
  names: [name],
  description: says,
  tags: ['prose'],
  parser: 'micromark',
  function: (params, onError) => {
    for (const { text, line } of sentences(params)) {
      if (question && text.endsWith('?')) continue
      const phrase = faults.map((fault) => fault.exec(text)?.[0]).find((one) => one !== undefined)
      if (phrase !== undefined) onError({ lineNumber: line, detail: `"${phrase}" in: ${text}` })
    }
  },
}))

/** @type {WeakMap<object, Sentence[]>} */
const read = new WeakMap()

/**
 * The sentences of a page, found once for all rules.
 *
 * @param {import('markdownlint').RuleParams} params
 */
function sentences({ parsers, lines }) {
  const { tokens } = parsers.micromark
  const known = read.get(tokens) ?? sentencesOf(tokens, lines)
  read.set(tokens, known)
  return known
}
