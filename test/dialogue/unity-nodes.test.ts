import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidResultError } from '../../src/core/errors.js'
import { normaliseUnityNode, renderUnityNodes } from '../../src/dialogue/render-unity-nodes.js'
import type { UnityNode } from '../../src/dialogue/unity-node.js'
import { validateUnityNodes } from '../../src/dialogue/validate-unity-nodes.js'
import { response } from './support/dialogue-arbitraries.js'

describe('renderUnityNodes', () => {
  it('gives one node START whose choices lead to END', () => {
    const nodes = renderUnityNodes({
      title: 'Le pont',
      node: {
        displayName: 'Au bord de la rivière',
        speaker: 'Mira',
        line: 'Le pont est parti.\nTu savais ?',
        test: 'Raison+Rhétorique:8',
        consequences: { flag: 'MET_MIRA', description: 'rencontre' },
        isLongRest: true,
        startState: 2,
        choices: [
          { text: 'Oui.', influenceDelta: -1, condition: 'NOT MET_MIRA', testSuccessNode: 'END' },
          {
            text: 'Non.',
            traitRequirements: [{ trait: 'Courage', minValue: 5 }],
            allowInfluenceForcing: true,
          },
        ],
      },
    })
    expect(nodes).toEqual([
      {
        id: 'START',
        speaker: 'Mira',
        line: 'Le pont est parti.\nTu savais ?',
        test: 'Raison+Rhétorique:8',
        consequences: { flag: 'MET_MIRA', description: 'rencontre' },
        isLongRest: true,
        startState: 2,
        choices: [
          {
            text: 'Oui.',
            targetNode: 'END',
            testSuccessNode: 'END',
            influenceDelta: -1,
            condition: 'NOT MET_MIRA',
          },
          {
            text: 'Non.',
            targetNode: 'END',
            traitRequirements: [{ trait: 'Courage', minValue: 5 }],
            allowInfluenceForcing: true,
          },
        ],
      },
    ])
    expect(Object.keys(nodes[0] ?? {})[0]).toBe('id')
  })

  it('leaves out null, empty text, false, 0, empty lists and empty objects', () => {
    const nodes = renderUnityNodes({
      title: '',
      node: {
        speaker: '',
        line: null,
        consequences: { flag: '', description: null },
        isLongRest: false,
        startState: 0,
        choices: [],
      },
    })
    expect(nodes).toEqual([{ id: 'START' }])
  })

  it('keeps the target of a choice that has nothing else', () => {
    const nodes = renderUnityNodes({ title: '', node: { choices: [{ text: '', influenceDelta: 0 }] } })
    expect(nodes).toEqual([{ id: 'START', choices: [{ targetNode: 'END' }] }])
  })

  it('gives nodes that are valid for every answer the schema accepts', () => {
    fc.assert(fc.property(response, (value) => validateUnityNodes(renderUnityNodes(value))))
  })

  it('gives nodes that survive a file', () => {
    fc.assert(
      fc.property(response, (value) => {
        const nodes = renderUnityNodes(value)
        expect(JSON.parse(JSON.stringify(nodes, null, 2))).toEqual(nodes)
      }),
    )
  })
})

describe('normaliseUnityNode', () => {
  it('keeps an empty id and an empty targetNode', () => {
    expect(normaliseUnityNode({ id: '', targetNode: '', line: '' })).toEqual({ id: '', targetNode: '' })
  })

  it('works at every depth', () => {
    const node = { id: 'a', b: { c: { d: null } }, e: [{ f: 0 }, { g: 1, h: '' }], i: ['', 'j'] }
    expect(normaliseUnityNode(node)).toEqual({ id: 'a', e: [{ g: 1 }], i: ['', 'j'] })
  })

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (node) => {
        const once = normaliseUnityNode(node)
        expect(normaliseUnityNode(once)).toEqual(once)
      }),
    )
  })
})

describe('validateUnityNodes', () => {
  const issuesOf = (nodes: UnityNode[]) => {
    try {
      validateUnityNodes(nodes)
      return []
    } catch (error) {
      if (!(error instanceof InvalidResultError)) throw error
      return error.issues.map(({ path = [] }) => path.join('.'))
    }
  }

  it('wants at least one node', () => {
    expect(() => validateUnityNodes([])).toThrow('expected at least one node')
  })

  it('wants an id for every node', () => {
    expect(issuesOf([{ id: '' }, { line: 'no id' } as unknown as UnityNode])).toEqual(['0.id', '1.id'])
  })

  it('wants every id once', () => {
    expect(issuesOf([{ id: 'a' }, { id: 'a' }, { id: 'b' }, { id: 'a' }])).toEqual(['1.id', '3.id'])
  })

  it('does not take END for a node', () => {
    expect(issuesOf([{ id: 'END' }])).toEqual(['0.id'])
  })

  it.each(['nextNode', 'targetNode', 'successNode', 'failureNode', 'testSuccessNode', 'testFailureNode'] as const)(
    'wants %s of a node to lead to a node or to END',
    (field) => {
      expect(issuesOf([{ id: 'a', [field]: 'b' }])).toEqual([`0.${field}`])
      expect(issuesOf([{ id: 'a', [field]: 'b' }, { id: 'b' }])).toEqual([])
      expect(issuesOf([{ id: 'a', [field]: 'END' }])).toEqual([])
      expect(issuesOf([{ id: 'a', [field]: '' }])).toEqual([])
    },
  )

  it.each([
    'targetNode',
    'testCriticalFailureNode',
    'testFailureNode',
    'testSuccessNode',
    'testCriticalSuccessNode',
  ] as const)('wants %s of a choice to lead to a node or to END', (field) => {
    expect(issuesOf([{ id: 'a', choices: [{ text: '' }, { [field]: 'b' }] }])).toEqual([`0.choices.1.${field}`])
    expect(issuesOf([{ id: 'a', choices: [{ [field]: 'a' }, { [field]: 'END' }, { [field]: '' }] }])).toEqual([])
  })

  it('reports everything at once, by place and without the text it found', () => {
    const nodes: UnityNode[] = [
      { id: 'a', nextNode: 'secret', choices: [{ targetNode: 'secret' }] },
      { id: 'a', testFailureNode: 'secret' },
    ]
    expect(issuesOf(nodes)).toEqual(['1.id', '0.nextNode', '0.choices.0.targetNode', '1.testFailureNode'])
    expect(() => validateUnityNodes(nodes)).toThrow(/^(?!.*secret).*and is not END/)
  })

  it('takes what comes out of a file, whatever it is', () => {
    const validate = (nodes: unknown) => () => validateUnityNodes(nodes as UnityNode[])
    expect(validate({ nodes: [] })).toThrow('expected an array of nodes')
    expect(validate([null, 'a', { id: 'b', choices: {} }, { id: 'c', choices: [7], nextNode: 8 }])).toThrow(
      '0: expected a node; 1: expected a node; 2.choices: expected an array of choices; 3.nextNode: refers to no node and is not END; 3.choices.0: expected a choice',
    )
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          validate(value)()
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidResultError)
        }
      }),
    )
  })

  it('names at most five issues in its message and keeps all of them', () => {
    const nodes = Array.from({ length: 8 }, () => ({ id: '' }))
    expect(issuesOf(nodes)).toHaveLength(8)
    expect(() => validateUnityNodes(nodes)).toThrow('and 3 more')
  })
})
