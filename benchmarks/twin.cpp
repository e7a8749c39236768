// The loan month by hand: what a C++ compiler makes of the same arithmetic, the same rows and the same order of loops.
//
// Built only by the benchmark. Sources of the formulas: kernels/loan_month.py, kernels/special.py, kernels/behaviour/,
// kernels/philox.py; the benchmark checks that the numbers agree. Fixed-rate loans, richard_roll, ltv_hazard, ltv_severity.

#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int W = WIDTH;  // paths in the inner loop, given by the benchmark: that of the kernels
constexpr int TILE = TILE_LOANS;
constexpr int FIELDS = 11, DRAWS = 4;
enum Work { INTEREST_RATE = FIELDS, PRINCIPAL_RATE, OPENING, AT_DEFAULT, NOTE, FACTOR, LTV, DEFAULTED_LTV, LEAVING, MDR, SMM, N_WORK };
struct Sum { float high, low; };

// In sampled mode a share is all or nothing, and no sum loses anything.
template <bool sampled> inline Sum add(float a, float b) {
    if (sampled) return {a + b, 0.0f};
    const float total = a + b, from_b = total - a;
    return {total, (a - (total - from_b)) + (b - from_b)};
}

enum State { PERFORMING, FORECLOSED, FORECLOSED_LOW, EXPECTED, UNIFORM, N_STATE = UNIFORM + DRAWS };
enum Real { BALANCE, LTV_0, NOTE_RATE, SERVICING_RATE, N_REAL = 10 };
enum Count { AGE, MATURITY, LAST_DEFAULT = 4, LAG, REGION, DAY_COUNT, ADVANCES_P = 12, ADVANCES_I, ID_LOW, ID_HIGH, N_COUNT = N_COUNTS };

#define LANES _Pragma("GCC ivdep") for (int p = 0; p < W; ++p)

// Coefficients in double, rounded once to float, as the kernels round them.
struct ExpTail { static constexpr float c[] = {1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040}; };
struct LogSeries { static constexpr float c[] = {2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11}; };
struct AtanSeries {  // kernels.special.atan_coefficients(10)
    static constexpr float c[] = {ATAN};
};
struct ShortSeries { static constexpr float c[] = {SHORT}; };  // kernels.speeds.short_coefficients

// Horner's rule.
template <class C, int first, int count> inline float polynomial(float x) {
    if constexpr (count == 1) return C::c[first];
    else return C::c[first] + x * polynomial<C, first + 1, count - 1>(x);
}
template <class C> inline float series(float x) { return polynomial<C, 0, sizeof(C::c) / sizeof(float)>(x); }

inline int32_t bits(float x) { int32_t i; std::memcpy(&i, &x, 4); return i; }
inline float real(int32_t i) { float x; std::memcpy(&x, &i, 4); return x; }

constexpr float LN2_HIGH = 2839.0 / 4096, LN2_LOW = 0.69314718055994530942 - 2839.0 / 4096;
constexpr float LOG2E = 1.4426950408889634074, ROUNDER = 12582912.0 + 127;  // 1.5 * 2^23, and the bias of an exponent

struct Reduced { float scale, m; };
inline Reduced reduce(float x) {
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    const float t = x * LOG2E + ROUNDER, k = t - ROUNDER;
    const float r = (x - k * LN2_HIGH) - k * LN2_LOW;
    return {real(int32_t(uint32_t(bits(t)) << 23)), r * series<ExpTail>(r)};
}
inline float exp_(float x) { const Reduced e = reduce(x); return e.scale + e.scale * e.m; }

inline float log_(float x) {
    const int32_t root_half = 0x3f3504f3;  // sqrt(1/2)
    const int32_t moved = bits(x) + (0x3f800000 - root_half);
    const float k = float((moved >> 23) - 127);
    const float f = real((moved & 0x7fffff) + root_half) - 1.0f;
    const float s = f / (2.0f + f), z = s * s;
    return k * LN2_HIGH + (f - (s * f - (s * (z * series<LogSeries>(z)) + k * LN2_LOW)));
}

inline float atan_ratio(float y, float x) {
    const float size = y < 0.0f ? -y : y, t = (x < size ? x : size) / (x > size ? x : size);
    const float part = t * series<AtanSeries>(t * t), angle = size > x ? 1.57079632679489661923f - part : part;
    return real(bits(angle) | (bits(y) & int32_t(0x80000000)));
}

inline void draw(const int64_t* count, uint32_t block, uint32_t first_path, const uint32_t* key, float* __restrict out) {
    const uint32_t low = uint32_t(count[ID_LOW]), high = uint32_t(count[ID_HIGH]);
    LANES {
        uint32_t c0 = first_path + uint32_t(p), c1 = block, c2 = low, c3 = high, k0 = key[0], k1 = key[1];
        for (int i = 0; i < 10; ++i) {
            const uint64_t p0 = uint64_t(0xD2511F53u) * c0, p1 = uint64_t(0xCD9E8D57u) * c2;
            const uint32_t d0 = uint32_t(p1 >> 32) ^ c1 ^ k0, d2 = uint32_t(p0 >> 32) ^ c3 ^ k1;
            c1 = uint32_t(p1); c3 = uint32_t(p0); c0 = d0; c2 = d2;
            k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
        }
        constexpr float unit = 1.0 / 4294967296.0;
        out[p] = (float(c0) + 0.5f) * unit;
        out[W + p] = (float(c1) + 0.5f) * unit;
        out[2 * W + p] = (float(c2) + 0.5f) * unit;
        out[3 * W + p] = (float(c3) + 0.5f) * unit;
    }
}

struct Month {
    float age, default_allowed, matures, servicing_rate, lag, advances_principal, advances_interest;
    int calendar_month, month;
};

inline void rates(const Month& m, const float* __restrict mortgage, const float* pp, const float* dp, float* __restrict work) {
    const float *note = work + NOTE * W, *factor = work + FACTOR * W, *ltv = work + LTV * W;
    float *leaving = work + LEAVING * W, *smm = work + SMM * W, *mdr = work + MDR * W;
    const float level = pp[0], height = pp[1], steepness = pp[2], centre = pp[3], seasoned = m.age / pp[4];
    const float by_time = pp[7] * (seasoned < 1.0f ? seasoned : 1.0f) * pp[8 + m.calendar_month];
    const float burnout_floor = pp[5], burnout_slope = pp[6];
    LANES {
        const float refinancing = level - height * atan_ratio(steepness * (centre * mortgage[p] - note[p]), mortgage[p]);
        float rate = by_time * refinancing * (burnout_floor + burnout_slope * factor[p]);
        rate = rate > 0.0f ? rate : 0.0f;
        leaving[p] = rate < 0.999f ? rate : 0.999f;
    }
    int32_t beyond = 0;
    LANES {
        smm[p] = leaving[p] * series<ShortSeries>(leaving[p]);
        beyond |= leaving[p] <= SHORT_MOST ? 0 : 1;
    }
    if (beyond) {
        LANES {
            const float stay = 1.0f - leaving[p];
            smm[p] = log_(stay) + ((1.0f - stay) - leaving[p]);
        }
        LANES {
            const float x = smm[p] * float(1.0 / 48), once = x * series<ExpTail>(x), twice = once * (2.0f + once);
            const float whole = leaving[p] >= 1.0f ? 1.0f : -(twice * (2.0f + twice));
            smm[p] = leaving[p] <= SHORT_MOST ? leaving[p] * series<ShortSeries>(leaving[p]) : whole;
        }
    }

    const float ramped = m.age / dp[3], base = dp[0] * (ramped < 1.0f ? ramped : 1.0f);
    const float slope = dp[1], pivot = dp[2], lowest = dp[4], highest = dp[5];
    LANES {
        float held = ltv[p] > lowest ? ltv[p] : lowest;
        held = held < highest ? held : highest;
        const float hazard = base * exp_(slope * (held - pivot));
        mdr[p] = m.default_allowed * (hazard < 1.0f ? hazard : 1.0f);
    }
}

inline void severities(const Month& m, const float* sp, float* __restrict work) {
    const float *note = work + NOTE * W, *ltv = work + DEFAULTED_LTV * W;
    float* severity = work + LEAVING * W;
    const float years = m.lag * float(1.0 / 12), costs = 1.0f + sp[2], scale = sp[4];
    float returned = sp[0] - sp[1] * years;
    returned = returned > 0.0f ? returned : 0.0f;
    LANES {
        const float owed = costs + m.advances_interest * note[p] * years, held = ltv[p] < 1e-6f ? 1e-6f : ltv[p];
        const float less = owed * held - returned, total = owed * held + returned, inverse = 1.0f / (total * held);
        float w = 1.0f - (less > 0.0f ? less : -less) * (held * inverse) * scale;
        w = w > 0.0f ? w : 0.0f;
        const float w2 = w * w, w4 = w2 * w2;
        const float low = (sp[5] + sp[6] * w) + (sp[7] + sp[8] * w) * w2;
        const float high = (sp[9] + sp[10] * w) + (sp[11] + sp[12] * w) * w2;
        float loss = ((less > 0.0f ? less : 0.0f) + total * ((low + high * w4) * w4)) * (total * inverse);
        loss = loss < 0.0f ? 0.0f : loss;
        severity[p] = loss > 1.0f ? 1.0f : loss;
    }
}

template <bool sampled>
inline void settle(const Month& m, float* __restrict work, float* __restrict state, float* __restrict ring) {
    const bool advanced = m.advances_principal > 0.5f;
    const float stays_on = 1.0f - m.matures;
    const float *smm = work + SMM * W, *mdr = work + MDR * W;
    if (sampled) {
        LANES {
            const float expected = state[EXPECTED * W + p], stay = 1.0f - mdr[p];
            const float defaults = expected * mdr[p], prepays = expected * (smm[p] < stay ? smm[p] : stay);
            state[EXPECTED * W + p] = (expected - defaults - prepays) * stays_on;
        }
    }
    const float* uniform = state + (UNIFORM + (m.month - 1) % DRAWS) * W;
    LANES {
        const float severity = work[LEAVING * W + p];
        const float performing = state[PERFORMING * W + p], foreclosed = state[FORECLOSED * W + p];
        float defaulted, prepaid;
        if (sampled) {
            defaulted = uniform[p] <= mdr[p] ? performing : 0.0f;
            prepaid = (uniform[p] <= mdr[p] + smm[p] ? performing : 0.0f) - defaulted;
        } else {
            const float stay = 1.0f - mdr[p];
            defaulted = performing * mdr[p];
            prepaid = performing * (smm[p] < stay ? smm[p] : stay);
        }
        const float scheduled = work[OPENING * W + p], principal_rate = work[PRINCIPAL_RATE * W + p];
        const float interest_rate = work[INTEREST_RATE * W + p], liquidated = ring[p];
        const float unit = advanced ? scheduled : 1.0f, defaulted_balance = defaulted * scheduled;
        const float entering = advanced ? defaulted : defaulted_balance;
        const Sum entered = add<sampled>(foreclosed, entering);
        const float difference = entered.high - liquidated;
        const Sum remaining = {difference, sampled ? 0.0f : (entered.high - difference) - liquidated};
        float low = state[FORECLOSED_LOW * W + p] + entered.low;
        const float in_foreclosure = entered.high + low;
        low = low + remaining.low;
        float left = remaining.high + low;
        left = unit * (left > 0.0f ? left : 0.0f);
        const float paying = scheduled * (performing - defaulted), after = scheduled - scheduled * principal_rate;
        const float stays = performing - defaulted - prepaid;
        const float net_rate = interest_rate - m.servicing_rate;
        const float advanced_rate = m.advances_interest * unit * (net_rate > 0.0f ? net_rate : 0.0f);
        const float advanced_principal = advanced ? left * (principal_rate * stays_on) : 0.0f;
        const float liquidated_balance = unit * liquidated;
        float loss = severity * liquidated * (advanced ? work[AT_DEFAULT * W + p] : 1.0f);
        loss = loss < liquidated_balance ? loss : liquidated_balance;
        state[PERFORMING * W + p] = stays * stays_on;
        state[FORECLOSED * W + p] = remaining.high;
        state[FORECLOSED_LOW * W + p] = low;
        ring[p] = entering;
        work[0 * W + p] += after * stays;
        work[1 * W + p] += left - advanced_principal;
        work[2 * W + p] += paying * interest_rate;
        work[3 * W + p] += in_foreclosure * advanced_rate;
        work[4 * W + p] += paying * principal_rate;
        work[5 * W + p] += advanced_principal;
        work[6 * W + p] += after * prepaid;
        work[7 * W + p] += defaulted_balance;
        work[8 * W + p] += liquidated_balance - loss;
        work[9 * W + p] += loss;
        work[10 * W + p] += paying * m.servicing_rate;
    }
}

template <bool sampled>
void simulate(const float* reals, const int64_t* counts, const float* balances, const float* principal_rates,
              const float* accruals, const float* scenario, int64_t n_rows, int64_t calendar_month, int64_t first_path,
              const uint32_t* key, const float* pp, const float* dp, const float* sp, int64_t lag_size, int64_t n_loans,
              int64_t n_months, double* __restrict pool) {
    std::vector<float> work_(N_WORK * W), state_(TILE * N_STATE * W), ring_(TILE * lag_size * W);
    float *__restrict work = work_.data(), *__restrict state_all = state_.data(), *__restrict ring_all = ring_.data();
    for (int64_t first = 0; first < n_loans; first += TILE) {
        const int count = int(n_loans - first < TILE ? n_loans - first : TILE);
        for (int j = 0; j < count; ++j) {
            float* s = state_all + j * N_STATE * W;
            LANES { s[PERFORMING * W + p] = 1.0f; s[FORECLOSED * W + p] = 0.0f; s[FORECLOSED_LOW * W + p] = 0.0f; s[EXPECTED * W + p] = 1.0f; }
        }
        std::memset(ring_all, 0, sizeof(float) * size_t(count) * size_t(lag_size) * W);
        for (int64_t month = 1; month <= n_months; ++month) {
            std::memset(work, 0, sizeof(float) * FIELDS * W);
            for (int j = 0; j < count; ++j) {
                const int64_t loan = first + j, *c = counts + loan * N_COUNT, lag = c[LAG];
                const float *r = reals + loan * N_REAL, *balance = balances + loan * n_months;
                float *__restrict state = state_all + j * N_STATE * W;
                float *__restrict ring = ring_all + (j * lag_size + (month - 1) % lag) * W;
                const float note = r[NOTE_RATE], interest_rate = note * accruals[c[DAY_COUNT] * n_months + month - 1];
                const float opening = balance[month - 1], principal_rate = principal_rates[loan * n_months + month - 1];
                const float at_default = month > lag ? balance[month - 1 - lag] : 0.0f;
                LANES {
                    work[NOTE * W + p] = note;
                    work[INTEREST_RATE * W + p] = interest_rate;
                    work[PRINCIPAL_RATE * W + p] = principal_rate;
                    work[OPENING * W + p] = opening;
                    work[AT_DEFAULT * W + p] = at_default;
                }
                if (sampled && (month - 1) % DRAWS == 0)
                    draw(c, uint32_t((month - 1) / DRAWS), uint32_t(first_path), key, state + UNIFORM * W);
                const float* row = scenario + (month - 1) * n_rows * W;
                const float* price = row + (PRICE_ROW + c[REGION]) * W;
                const float inverse_balance = 1.0f / r[BALANCE], ltv_per_usd = r[LTV_0] * inverse_balance;
                const float* share = state + (sampled ? EXPECTED : PERFORMING) * W;
                LANES {
                    work[FACTOR * W + p] = work[OPENING * W + p] * inverse_balance * share[p];
                    const float ltv_per_usd_now = ltv_per_usd / price[p];
                    work[LTV * W + p] = work[OPENING * W + p] * ltv_per_usd_now;
                    work[DEFAULTED_LTV * W + p] = work[AT_DEFAULT * W + p] * ltv_per_usd_now;
                }
                constexpr float per_month = 1.0 / 12;
                const Month m = {float(c[AGE] + month), month <= c[LAST_DEFAULT] ? 1.0f : 0.0f,
                                 month == c[MATURITY] ? 1.0f : 0.0f, r[SERVICING_RATE] * per_month, float(lag),
                                 float(c[ADVANCES_P]), float(c[ADVANCES_I]), int((calendar_month + month - 1) % 12), int(month)};
                rates(m, row + MORTGAGE_ROW * W, pp, dp, work);
                severities(m, sp, work);
                settle<sampled>(m, work, state, ring);
            }
            double* __restrict out = pool + (month - 1) * FIELDS * W;
            for (int i = 0; i < FIELDS * W; ++i) out[i] += work[i];
        }
    }
}

}  // namespace

extern "C" void twin(int sampled, const float* reals, const int64_t* counts, const float* balances, const float* principal_rates,
                     const float* accruals, const float* scenario, int64_t n_rows, int64_t calendar_month, int64_t first_path,
                     const uint32_t* key, const float* pp, const float* dp, const float* sp, int64_t lag_size, int64_t n_loans,
                     int64_t n_months, double* pool) {
    (sampled ? simulate<true> : simulate<false>)(reals, counts, balances, principal_rates, accruals, scenario, n_rows,
        calendar_month, first_path, key, pp, dp, sp, lag_size, n_loans, n_months, pool);
}
