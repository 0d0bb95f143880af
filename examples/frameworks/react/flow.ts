/** Two flows: cities are suggested while somebody types; a forecast is fetched, and a text about it is written word by word. */
import { Flow } from 'millrace';

interface Forecast {
  readonly sky: string;
  readonly degrees: number;
}

const flow = new Flow<{ city: string }>('weather');

const forecast = flow.step(
  'forecast',
  async ({ city }: { city: string }, { signal }): Promise<Forecast> => {
    const response = await fetch(`/forecast/${encodeURIComponent(city)}`, { signal });
    if (!response.ok) throw new Error(`No forecast for ${city}`);
    return response.json();
  },
  { city: flow.input.city },
);

const report = flow.step(
  'report',
  async function* ({ sky, degrees }: Forecast) {
    for (const word of ['It is', sky, 'at', degrees, 'degrees.']) {
      yield `${word} `;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
  { sky: forecast.out.sky, degrees: forecast.out.degrees },
);

export const weather = flow.output({ forecast: forecast.out, report: report.out });

const cities = ['Oslo', 'Ostrava', 'Rome', 'Rouen'];
const suggesting = new Flow<{ typed: string }>('suggest');
const suggested = suggesting.step(
  'cities',
  ({ typed }: { typed: string }) => cities.filter((city) => typed && city.startsWith(typed)),
  { typed: suggesting.input.typed },
);
export const suggest = suggesting.output({ cities: suggested.out });
