import { useComputedColorScheme } from '@mantine/core';
import { LineChart, ScatterChart } from 'echarts/charts';
import { GridComponent, MarkLineComponent, TooltipComponent } from 'echarts/components';
import { init, use as register, type EChartsType } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { useEffect, useRef } from 'react';
import type { Action, Bubble, Rating, SessionDetail } from '../../api/types';
import { asRating, bubblePath, ratings, ratingWord } from '../../design/rating';
import { many } from '../../format/number';
import { clock, readTime } from '../../format/time';
import { typeName } from './eventTypes';
import css from './ChartPanel.module.css';

register([ScatterChart, LineChart, GridComponent, TooltipComponent, MarkLineComponent, CanvasRenderer]);

/** Bubbles in three lanes, joined by one line: where the journey went, how much, and when it turned. */
export function RiskChart({ session }: { session: SessionDetail }) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const scheme = useComputedColorScheme('light');

  useEffect(() => {
    if (!box.current) return;
    const c = init(box.current, null, { renderer: 'canvas' });
    chart.current = c;
    return () => {
      c.dispose();
      chart.current = null;
    };
  }, []);

  useEffect(() => {
    const c = chart.current;
    if (!c) return;
    const draw = () => c.setOption(option(session, c.getWidth()), { notMerge: true });
    draw();
    // Sizes and labels depend on the room there is.
    const size = new ResizeObserver(() => {
      c.resize();
      draw();
    });
    size.observe(c.getDom());
    return () => size.disconnect();
  }, [session, scheme]);

  return (
    <div className={css.chart} ref={box} role="img" data-testid="risk-chart" data-bubbles={session.chart.length} aria-label={`Risk over time: ${many(session.chart.length, 'point')}, ${many(session.turns.length, 'turn')}. Choose Table for the values.`} />
  );
}

const millis = (t: string | number | undefined) => readTime(t)?.getTime() ?? 0;
const lane = (r: string) => ratings.indexOf(asRating(r));

interface Mark { time: number; text: string; detail: string }

/** Turns that follow each other closely have their words one above the other. */
function levelsOf(s: SessionDetail, from: number, to: number, width: number): number[] {
  const last: number[] = [];
  return s.turns.map((t) => {
    const x = ((millis(t.time) - from) / (to - from)) * width;
    let level = 0;
    while (level < 3 && x - (last[level] ?? -1e9) < 74) level++;
    last[level] = x;
    return level;
  });
}

function actionMarks(actions: readonly Action[]): Mark[] {
  return actions.filter((a) => a.time).map((a) => ({
    time: millis(a.time),
    text: a.name,
    detail: [a.shadow ? 'shadow' : a.enforced ? 'taken' : 'not taken', (a.count ?? 1) > 1 ? `${a.count} times` : '', a.reason ?? ''].filter(Boolean).join(', '),
  }));
}

function option(s: SessionDetail, width: number) {
  const style = getComputedStyle(document.documentElement);
  const value = (name: string) => style.getPropertyValue(`--tl-${name}`).trim();
  const font = { fontFamily: value('font'), fontSize: 11, color: value('text-3') };
  const [start, last] = [millis(s.start), Math.max(millis(s.last), ...s.chart.map((b) => millis(b.start)))];
  const pad = Math.max(1500, (last - start) * 0.03);
  const most = Math.max(1, ...s.chart.map((b) => b.count));
  const tight = width < 560;
  const size = (n: number) => (tight ? 8 : 11) + (tight ? 14 : 24) * Math.sqrt(n / Math.max(most, 6));
  const levels = levelsOf(s, (start - pad), (last + pad), width - 106);
  // A bucket is drawn at its middle, so that a turn inside it falls upon its bubble.
  const starts = [...new Set(s.chart.map((b) => millis(b.start)))].sort((a, b) => a - b);
  const half = Math.min(...starts.slice(1).map((t, i) => t - (starts[i] ?? t))) / 2;
  const at = (b: Bubble) => Math.min(millis(b.start) + (Number.isFinite(half) ? half : 0), last);
  const byTime = [...s.chart].sort((a, b) => millis(a.start) - millis(b.start) || lane(a.rating) - lane(b.rating));
  const marks = actionMarks(s.actions);

  const bubbles = (r: Rating) => ({
    type: 'scatter', name: ratingWord[r], z: 4,
    symbol: r === 'normal' ? 'circle' : `path://${bubblePath[r]}`,
    symbolSize: (_: unknown, p: { data: { bubble: Bubble } }) => size(p.data.bubble.count),
    itemStyle: { color: value(`${r}-fill`), opacity: 0.86, borderColor: value('surface'), borderWidth: 1.5 },
    emphasis: { itemStyle: { opacity: 1, borderColor: value('text') } },
    data: s.chart.filter((b) => b.rating === r).map((bubble) => ({ value: [at(bubble), lane(r)], bubble })),
  });

  return {
    animation: !window.matchMedia('(prefers-reduced-motion: reduce)').matches,
    animationDuration: 250,
    useUTC: true,
    textStyle: font,
    grid: { left: 84, right: 22, top: 22 + 13 * Math.max(0, ...levels), bottom: 30 },
    tooltip: {
      trigger: 'item', confine: true, transitionDuration: 0, borderWidth: 1, padding: [7, 10],
      backgroundColor: value('surface'), borderColor: value('line-strong'), textStyle: { ...font, fontSize: 12, color: value('text') },
      // An element and not text: markup with style attributes would break the content policy.
      formatter: (p: { data?: { bubble?: Bubble; mark?: Mark } }) => tip(p.data),
    },
    xAxis: {
      type: 'time', min: start - pad, max: last + pad,
      axisLine: { lineStyle: { color: value('line-strong') } }, axisTick: { show: false },
      axisLabel: { ...font, hideOverlap: true, formatter: (t: number) => clock(new Date(t).toISOString()) },
      splitLine: { show: false },
    },
    yAxis: {
      type: 'value', min: -0.62, max: 2.5, interval: 1, axisLine: { show: false }, axisTick: { show: false }, splitLine: { show: false },
      axisLabel: { ...font, fontSize: 12, customValues: [0, 1, 2], formatter: (v: number) => { const r = ratings[v]; return r ? ratingWord[r] : ''; } },
    },
    series: [
      // The lanes.
      ...ratings.map((_, i) => ({ type: 'line', silent: true, symbol: 'none', z: 1, data: [[start - pad, i], [last + pad, i]], lineStyle: { color: value('line'), width: 1 } })),
      {
        type: 'line', silent: true, symbol: 'none', z: 3, lineStyle: { color: value('text-3'), width: 1.5, opacity: 0.65 },
        data: byTime.map((b) => [at(b), lane(b.rating)]),
        markLine: {
          symbol: 'none', silent: true, animation: false,
          data: s.turns.map((t, i) => ({
            xAxis: millis(t.time),
            lineStyle: { color: value(`${asRating(t.to)}-fill`), type: 'dashed', width: 1 },
            label: { ...font, show: true, position: 'end', distance: 4 + 13 * (levels[i] ?? 0), formatter: ratingWord[asRating(t.to)], color: value(asRating(t.to)) },
          })),
        },
        labelLayout: { hideOverlap: true },
      },
      ...ratings.map(bubbles),
      {
        type: 'scatter', name: 'Action', z: 5, symbol: 'diamond', symbolSize: 11, itemStyle: { color: value('text') },
        label: { ...font, show: true, position: 'right', formatter: (p: { data: { mark: Mark } }) => p.data.mark.text, color: value('text-2') },
        labelLayout: { hideOverlap: true, moveOverlap: 'shiftX' },
        // Late ones have their words on the other side, or the edge would cut them.
        data: marks.map((mark) => ({ value: [mark.time, -0.45], mark, ...(mark.time > start + (last - start) * 0.7 && { label: { position: 'left' } }) })),
      },
    ],
  };
}

function tip(data?: { bubble?: Bubble; mark?: Mark }): HTMLElement | string {
  if (!data || (!data.bubble && !data.mark)) return '';
  const box = document.createElement('div');
  box.className = css.tip ?? '';
  const line = (tag: string, ...texts: string[]) => {
    const e = document.createElement(tag);
    for (const t of texts) {
      const i = document.createElement('i');
      i.style.fontStyle = 'normal';
      i.textContent = t;
      e.append(i);
    }
    box.append(e);
  };
  if (data.mark) {
    line('strong', `Action: ${data.mark.text}`);
    line('span', data.mark.detail, clock(data.mark.time * 1000));
    return box;
  }
  const b = data.bubble as Bubble;
  line('strong', `${ratingWord[asRating(b.rating)]}, ${many(b.count, 'event')} at ${clock(b.start)}`);
  for (const [t, n] of Object.entries(b.types).sort((x, y) => y[1] - x[1]).slice(0, 6)) line('span', typeName(t), String(n));
  return box;
}
