import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'
import type { Row } from '../measure/row.ts'
import type { Answer } from './answer.ts'

const COLOUR = { domain: ['bare', 'peer', 'ours'], range: ['#888888', '#c9a66b', '#2b7bba'] }

/** The plots of an answer as SVG texts, by the end of their file names: ratios as bars, growth as lines. */
export async function plotsOf({ title, rows }: Answer): Promise<Map<string, string>> {
  const plots = new Map<string, string>()
  const bars = rows.filter(({ unit, point }) => unit === 'x' && !point)
  if (bars.length > 0) plots.set('', await svg(ratioBars(title, bars)))
  const points = rows.filter(({ point }) => point)
  if (points.length > 0) plots.set('-growth', await svg(growthLines(title, points)))
  return plots
}

/** One bar per contender on a logarithmic scale, from *bare* = 1; a tick where the goals are. */
function ratioBars(title: string, rows: readonly Row[]): TopLevelSpec {
  const values = rows.map(({ what, value, by = 'ours', goal, finalGoal }) => ({
    what,
    value: Math.max(value, 0.001),
    label: `${Number(value.toPrecision(3))}x`,
    one: 1,
    labelAt: Math.max(value, goal ?? 1, finalGoal ?? 1, 1),
    by,
    goal,
    finalGoal,
  }))
  const y = { field: 'what', type: 'nominal', sort: null, title: null, axis: { labelLimit: 600 } } as const
  const goalTick = (field: 'goal' | 'finalGoal', color: string) => ({
    transform: [{ filter: `isValid(datum.${field})` }],
    mark: { type: 'tick' as const, color, thickness: 2, size: 16 },
    encoding: { x: { field, type: 'quantitative' as const }, y },
  })
  return {
    title,
    width: 560,
    height: { step: 20 },
    data: { values },
    layer: [
      {
        mark: { type: 'bar', height: 12 },
        encoding: {
          x: {
            field: 'one',
            type: 'quantitative',
            scale: { type: 'log' },
            title: 'times bare (logarithmic; red: goal)',
          },
          x2: { field: 'value' },
          y,
          color: { field: 'by', type: 'nominal', scale: COLOUR, title: null },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 6, fontSize: 10 },
        encoding: { x: { field: 'labelAt', type: 'quantitative' }, y, text: { field: 'label' } },
      },
      goalTick('goal', '#e07070'),
      goalTick('finalGoal', '#b00000'),
    ],
  }
}

/** What one unit costs when there is 10 and 100 times the work: flat lines grow linearly. */
function growthLines(title: string, rows: readonly Row[]): TopLevelSpec {
  const values = rows.map(({ value, point }) => ({ value, line: point?.line, units: point?.units }))
  return {
    title,
    width: 560,
    height: 260,
    data: { values },
    mark: { type: 'line', point: true },
    encoding: {
      x: { field: 'units', type: 'quantitative', scale: { type: 'log' }, title: 'times the work' },
      y: {
        field: 'value',
        type: 'quantitative',
        scale: { zero: true },
        title: 'cost of one unit, times that of the least work',
      },
      color: { field: 'line', type: 'nominal', title: null, legend: { orient: 'bottom', columns: 2, labelLimit: 600 } },
    },
  }
}

async function svg(spec: TopLevelSpec): Promise<string> {
  return new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG()
}
