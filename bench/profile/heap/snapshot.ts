import { readFileSync } from 'node:fs'

/** The live heap as a graph; object 0 is the root. */
export interface Snapshot {
  readonly size: number
  object(index: number): HeapObject
  edgesOf(index: number): Iterable<Edge>
  /** Where a function was written, or the class of an object. */
  locationOf(index: number): Location | undefined
}

export interface HeapObject {
  readonly type: string
  readonly name: string
  readonly bytes: number
}

export interface Edge {
  readonly type: string
  /** The field, or the index. */
  readonly name: string
  readonly to: number
}

export interface Location {
  readonly scriptId: number
  /** From 0, as V8 counts. */
  readonly lineNumber: number
  readonly columnNumber: number
}

/** The parts of V8's format that are read here; each list holds records of as many numbers as it has fields. */
interface SnapshotJson {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: string[]
      readonly node_types: [string[], ...unknown[]]
      readonly edge_fields: string[]
      readonly edge_types: [string[], ...unknown[]]
      readonly location_fields: string[]
    }
  }
  readonly nodes: number[]
  readonly edges: number[]
  readonly locations: number[]
  readonly strings: string[]
}

/** Reads what `v8.writeHeapSnapshot()` has written. */
export function readSnapshot(file: string): Snapshot {
  const { snapshot, strings, ...lists }: SnapshotJson = JSON.parse(readFileSync(file, 'utf8'))
  const { meta } = snapshot
  const nodes = table(lists.nodes, meta.node_fields)
  const edges = table(lists.edges, meta.edge_fields)
  const locations = table(lists.locations, meta.location_fields)
  const [nodeTypes] = meta.node_types
  const [edgeTypes] = meta.edge_types
  const node = { type: nodes.column('type'), name: nodes.column('name'), bytes: nodes.column('self_size') }
  const edge = { type: edges.column('type'), name: edges.column('name_or_index'), to: edges.column('to_node') }
  const firstEdge = sumsBefore(nodes.size, nodes.column('edge_count'))
  const located = placesOf(locations.size, locations.column('object_index'))
  const at = {
    scriptId: locations.column('script_id'),
    lineNumber: locations.column('line'),
    columnNumber: locations.column('column'),
  }

  return {
    size: nodes.size,
    object: (index) => ({
      type: nodeTypes[node.type(index)] ?? '',
      name: strings[node.name(index)] ?? '',
      bytes: node.bytes(index),
    }),
    *edgesOf(index) {
      for (let row = firstEdge[index] ?? 0; row < (firstEdge[index + 1] ?? 0); row++) {
        const type = edgeTypes[edge.type(row)] ?? ''
        const name = edge.name(row)
        const isIndex = type === 'element' || type === 'hidden'
        yield { type, name: isIndex ? String(name) : (strings[name] ?? ''), to: edge.to(row) / meta.node_fields.length }
      }
    },
    locationOf(index) {
      const row = located.get(index * meta.node_fields.length)
      if (row === undefined) return undefined
      return { scriptId: at.scriptId(row), lineNumber: at.lineNumber(row), columnNumber: at.columnNumber(row) }
    },
  }
}

type Column = (row: number) => number

function table(list: readonly number[], fields: readonly string[]): { size: number; column(name: string): Column } {
  return {
    size: list.length / fields.length,
    column(name) {
      const offset = fields.indexOf(name)
      return (row) => list[row * fields.length + offset] ?? Number.NaN
    },
  }
}

/** The sum of all values before each row, and at last of all. */
function sumsBefore(size: number, column: Column): Float64Array {
  const sums = new Float64Array(size + 1)
  for (let row = 0; row < size; row++) sums[row + 1] = (sums[row] ?? 0) + column(row)
  return sums
}

function placesOf(size: number, column: Column): ReadonlyMap<number, number> {
  const rows = new Map<number, number>()
  for (let row = 0; row < size; row++) rows.set(column(row), row)
  return rows
}
